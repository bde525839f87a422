// Keys of one character, and the sheet that lists them: [data-open=shortcuts]. "g" and a letter go to nav a[data-go],
// "n" presses [data-new].
import { rowKey } from "./list_keys.js";
import { typeAhead } from "./type_ahead.js";

const sheet = document.getElementById("shortcuts");
const singleKeys = document.getElementById("single-keys");
const isTyping = (element) => element.matches?.("input:not([type=checkbox]), select, textarea, [contenteditable]");

// They get in the way of some speech programs: they can be switched off (WCAG 2.1.4).
try { singleKeys.checked = localStorage.getItem("single-keys") !== "off"; } catch { /* private mode */ }
singleKeys.addEventListener("change", () => {
  try { localStorage.setItem("single-keys", singleKeys.checked ? "on" : "off"); } catch { /* private mode */ }
});

// "g" waits for the letter of the page to go to.
let waitsForPage = false;

function goTo(letter) {
  waitsForPage = false;
  const link = document.querySelector(`nav a[data-go="${CSS.escape(letter)}"]`);
  link?.click();
  return Boolean(link);
}

function singleKey(event) {
  if (waitsForPage) return goTo(event.key);
  switch (event.key) {
    case "?": sheet.showModal(); return true;
    case "/": document.getElementById("q")?.focus(); return Boolean(document.getElementById("q"));
    case "g": waitsForPage = true; setTimeout(() => { waitsForPage = false; }, 1500); return true;
    case "n": document.querySelector("[data-new]")?.click(); return true;
    default: return rowKey(event);
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
  if (["Tab", "Escape"].includes(event.key)) return;
  if (typeAhead(event.key) || (singleKeys.checked && !sheet.open && singleKey(event))) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-open=shortcuts]")) sheet.showModal();
  if (event.target === sheet) sheet.close();
});
