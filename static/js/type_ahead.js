// What is typed between the key that opens an edit (form.editor) and the arrival of its field belongs into the field.

const PATIENCE = 3000;
let typed = null;
let isCancelled = false;
let timer = 0;

export function beginTypeAhead() {
  typed = "";
  isCancelled = false;
  clearTimeout(timer);
  timer = setTimeout(() => { typed = null; }, PATIENCE);
}

// True when the key belongs to a field that is still to come.
export function typeAhead(key) {
  if (typed === null || key.length !== 1) return false;
  typed += key;
  return true;
}

// Esc may come before the field, too; true when it did.
export function cancelTypeAhead() {
  isCancelled = typed !== null;
  return isCancelled;
}

document.addEventListener("htmx:after:swap", () => {
  const input = document.activeElement;
  if (typed === null || !input?.matches("form.editor input, form.editor select")) return;
  if (isCancelled) input.form.querySelector("[data-cancel]").click();
  else if (input.matches("input")) {
    input.select();
    if (typed) input.setRangeText(typed, 0, input.value.length, "end");
  }
  typed = null;
});
