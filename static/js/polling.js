// [data-next-probe-in="seconds"]: polls are rare while there can hardly be news, because nobody sees the page, or because
// the worker's next probe is still to come.
import { atEachSwap } from "./page.js";

const HIDDEN_PAUSE = 15000;
const EARLY_PAUSE = 8000;
const polled = new WeakMap();

atEachSwap(() => {
  for (const element of document.querySelectorAll("[data-next-probe-in]")) {
    const tag = element.getAttribute("hx-ptag");
    if (polled.get(element)?.tag === tag) continue;
    const now = performance.now();
    polled.set(element, { tag, asked: now, probedAt: now + element.dataset.nextProbeIn * 1000 });
  }
});

document.addEventListener("htmx:before:request", (event) => {
  if (!event.target.matches("#connection-status, tr")) return;
  const now = performance.now();
  const known = polled.get(event.target) ?? { asked: -Infinity, probedAt: 0 };
  let pause = now < known.probedAt ? EARLY_PAUSE : 0;
  if (document.hidden) pause = HIDDEN_PAUSE;
  if (now - known.asked < pause) event.preventDefault();
  else polled.set(event.target, { ...known, asked: now });
});
