// <input data-filter="#list"> shows the entries of a list that have what is typed; [data-tick-all="#list"] and
// [data-tick-none="#list"] tick those that are shown.

const entries = (selector) => [...document.querySelectorAll(`${selector} > li`)];

document.addEventListener("input", (event) => {
  const list = event.target.dataset?.filter;
  if (!list) return;
  const words = event.target.value.trim().toLowerCase();
  for (const entry of entries(list)) entry.hidden = !entry.textContent.toLowerCase().includes(words);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tick-all], [data-tick-none]");
  if (!button) return;
  for (const entry of entries(button.dataset.tickAll ?? button.dataset.tickNone)) {
    if (!entry.hidden) entry.querySelector("input").checked = "tickAll" in button.dataset;
  }
});

// Enter in the search is no wish to send the form.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.dataset?.filter) event.preventDefault();
});
