// Keys in the list: Tab, Enter and Esc in form.editor, as in a spreadsheet; j and k from row to row; e and t edit.
import { edit, editWhenSaved, isChanged, rows } from "./quick_edit.js";
import { cancelTypeAhead } from "./type_ahead.js";

function moveFocus(from, step) {
  const all = rows();
  const index = from ? all.indexOf(from) + step : step > 0 ? 0 : all.length - 1;
  all[index]?.querySelector("a.name, input, select")?.focus();
  return Boolean(all[index]);
}

// The keys of one character that a row knows; true when something was done.
export function rowKey(event) {
  const row = event.target.closest?.("tr");
  switch (event.key) {
    case "j": return moveFocus(row, 1);
    case "k": return moveFocus(row, -1);
    case "t": return edit(row, "tracking_type");
    case "e":
      if (row) return edit(row, event.target.closest("td")?.dataset.cell ?? "description") || edit(row, "description");
      document.querySelector("a[data-edit]")?.click();
      return true;
    default: return false;
  }
}

// Tab saves what is edited and goes on to the next field; at the ends it leaves the list.
function nextField(row, field, isBackward) {
  const fields = rows().flatMap((each) => [...each.querySelectorAll("td[data-cell]")]
    .filter((cell) => cell.querySelector("[data-quick-edit], form.editor"))
    .map((cell) => ({ id: each.id, field: cell.dataset.cell })));
  const here = fields.findIndex((each) => each.id === row.id && each.field === field);
  return fields[here + (isBackward ? -1 : 1)];
}

function tab(event) {
  const form = event.target.closest?.("form.editor");
  if (!form || !event.target.matches("input, select")) return;
  const row = form.closest("tr");
  const next = nextField(row, form.dataset.editing, event.shiftKey);
  if (!next) return;
  event.preventDefault();
  editWhenSaved(next);
  if (isChanged(form)) form.requestSubmit();
  else row.querySelector("[data-cancel]").click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Tab") tab(event);
  else if (event.key === "Escape" && !cancelTypeAhead()) event.target.closest?.("tr")?.querySelector("[data-cancel]")?.click();
  else if (event.key === "Enter" && event.target.matches("form.editor select")) {
    event.target.form.requestSubmit();
    event.preventDefault();
  }
});
