// What every module needs of the page: its texts, a way to say something aloud, and when to look at it again.

export const texts = document.body.dataset;

export function announce(text) {
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = text;
}

// Calls `show` now and whenever htmx has swapped something in; modules are called in the order main.js imports them.
export function atEachSwap(show) {
  show();
  document.addEventListener("htmx:after:swap", () => show());
}

// What a browser stores may be refused (private mode): then nothing is stored, and nothing is found.
export function stored(storage, key, otherwise) {
  try { return JSON.parse(storage.getItem(key)) ?? otherwise; } catch { return otherwise; }
}

export function store(storage, key, value) {
  try { storage.setItem(key, JSON.stringify(value)); } catch { /* private mode */ }
}
