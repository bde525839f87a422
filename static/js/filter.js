// <input data-filter="#list"> shows the list's entries that have what is typed; [data-tick="#list"] and [data-untick="#list"]
// select all of those that are shown, or none. Entries that are hidden stay as they are.
import { announce } from "./page.js";

const entriesOf = (selector) => [...document.querySelectorAll(`${selector} > li`)];

document.addEventListener("input", (event) => {
  const { filter } = event.target.dataset;
  if (!filter) return;
  const words = event.target.value.trim().toLowerCase();
  const entries = entriesOf(filter);
  for (const entry of entries) entry.hidden = !entry.textContent.toLowerCase().includes(words);
  announce(`${entries.filter((entry) => !entry.hidden).length} / ${entries.length}`);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tick], [data-untick]");
  if (!button) return;
  const { tick, untick } = button.dataset;
  for (const entry of entriesOf(tick ?? untick)) {
    if (!entry.hidden) entry.querySelector("input[type=checkbox]").checked = tick !== undefined;
  }
});
