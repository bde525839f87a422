// <input data-filter="#list"> shows the list's entries that have what is typed; [data-choose="#list"] sets
// the choice of all that are shown to its data-value. Entries that are hidden stay as they are.
import { announce } from "./page.js";

const entriesOf = (selector) => [...document.querySelectorAll(`${selector} > li`)];

document.addEventListener("input", (event) => {
  const filter = event.target.dataset?.filter;
  if (!filter) return;
  const words = event.target.value.trim().toLowerCase();
  const entries = entriesOf(filter);
  for (const entry of entries) entry.hidden = !entry.firstElementChild.textContent.toLowerCase().includes(words);
  announce(`${entries.filter((entry) => !entry.hidden).length} / ${entries.length}`);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-choose]");
  if (!button) return;
  for (const choice of document.querySelectorAll(`${button.dataset.choose} > li:not([hidden]) > select`)) {
    choice.value = button.dataset.value;
  }
});

// Enter in the search is no wish to send the form.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.dataset?.filter) event.preventDefault();
});
