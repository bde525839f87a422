// <form data-picker>: arrows go from row to row, from the search into the list and back. [data-arrives] gets the focus
// when htmx puts it into the page. Where a press of [data-unticks] took its own button away, the next one gets it.
// What was typed into #object-form is saved before a button of the list leads away from it.
import { announce } from "./page.js";

function moveInList(event) {
  const picker = event.target.closest?.("[data-picker]");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!picker || !step || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = picker.querySelector("input[type=search]");
  const boxes = [...picker.querySelectorAll(".pick input:not(:disabled)")];
  if (event.target !== search && !boxes.includes(event.target)) return;
  const next = [search, ...boxes][boxes.indexOf(event.target) + 1 + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

document.addEventListener("keydown", moveInList);
// Which of the buttons was pressed; null: none.
let removed = null;
const removing = () => [...document.querySelectorAll("#basket [name=remove]")];
document.addEventListener("click", (event) => {
  const button = event.target.closest("#basket [data-unticks]");
  removed = button ? Math.max(removing().indexOf(button), 0) : null;
});

function focusNext() {
  if (removed === null) return;
  const left = removing();
  (left[removed] ?? left.at(-1) ?? document.getElementById("basket-title"))?.focus();
  removed = null;
}

const changed = new WeakSet();
const noteChange = (event) => { if (event.target.form) changed.add(event.target.form); };
document.addEventListener("input", noteChange);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-choose]")) noteChange(event);
  const button = event.target.closest("#objects-form button:is([name=settings], [name=do])");
  const settings = document.getElementById("object-form");
  if (!button || !settings || !changed.has(settings)) return;
  event.preventDefault();
  event.stopPropagation();
  const then = document.createElement("input");
  Object.assign(then, { type: "hidden", name: "then", value: button.name === "do" ? button.value : `settings ${button.value}` });
  settings.append(then);
  settings.requestSubmit();
}, { capture: true });

let lastCount = "";
document.addEventListener("htmx:after:swap", () => {
  const count = document.querySelector("[data-picker] [data-count]")?.textContent ?? "";
  if (count !== lastCount) announce(count);
  lastCount = count;
  focusNext();
  const arrived = document.querySelector("[data-arrives]");
  if (!arrived || arrived.contains(document.activeElement)) return;
  arrived.removeAttribute("data-arrives");
  arrived.focus();
});
