// [data-quick-edit="field"]: edits in the list. A click on td[data-cell] opens its edit; Enter, Tab or another edit of the
// row saves it; Esc presses [data-cancel]. All of it can be done with the mouse too, and without JavaScript on the form.
import { beginTypeAhead } from "./type_ahead.js";

export const rows = () => [...document.querySelectorAll("table.list tbody tr:not(.group)")];

// The field to edit when the answer under way is there: a row's ID, and which of its fields.
let next = null;

// The answer under way replaces the row; a request from inside the old one would come to nothing.
const isAsking = (row) => Boolean(row?.querySelector(".htmx-request"));

export function isChanged(editor) {
  return editor.querySelector("input:not([type=hidden]), select").value !== editor.elements.namedItem("was").value;
}

const changedIn = (row) => [...row?.querySelectorAll("form.editor") ?? []].find(isChanged);

export function edit(row, field) {
  const button = row?.querySelector(`[data-quick-edit="${field}"]`);
  if (!button && !isAsking(row)) return false;
  const changed = changedIn(row);
  if (changed && !isAsking(row)) {
    // The row that comes with the other field doesn't have it.
    editWhenSaved({ id: row.id, field });
    changed.requestSubmit();
    return true;
  }
  beginTypeAhead();
  if (isAsking(row)) next = { id: row.id, field };
  else button.click();
  return true;
}

export function editWhenSaved(target) {
  next = target;
}

document.addEventListener("htmx:after:swap", () => {
  if (!next) return;
  const { id, field } = next;
  next = null;
  // A refused value stays in its field, with the reason.
  if (document.querySelector("form.editor.wrong")) return;
  const row = document.getElementById(id);
  if (!row?.querySelector(`form.editor[data-editing="${field}"]`)) edit(row, field);
});
for (const failure of ["htmx:error", "htmx:response:error"]) document.addEventListener(failure, () => { next = null; });

// Before htmx sees the click: it would send a request from inside the old row, or lose what is typed there.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-quick-edit]");
  const row = button?.closest("tr");
  if (!isAsking(row) && !changedIn(row)) return;
  event.stopPropagation();
  event.preventDefault();
  edit(row, button.dataset.quickEdit);
}, { capture: true });

// A click beside the text of a cell edits it; links and buttons in it do what they say.
document.addEventListener("click", (event) => {
  const cell = event.target.closest("td[data-cell]");
  if (cell && !event.target.closest("a, button, input, select, form, label")) edit(cell.closest("tr"), cell.dataset.cell);
});
