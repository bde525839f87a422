// Keys and edits in the list. Everything they do can be done by mouse, and without JavaScript by form.
(() => {
  "use strict";

  const sheet = document.getElementById("shortcuts");
  const singleKeys = document.getElementById("single-keys");
  const isTyping = (element) => element.matches?.("input:not([type=checkbox]), select, textarea, [contenteditable]");

  // Keys of one character get in the way of some speech programs: they can be switched off (WCAG 2.1.4).
  try { singleKeys.checked = localStorage.getItem("single-keys") !== "off"; } catch { /* private mode */ }
  singleKeys.addEventListener("change", () => {
    try { localStorage.setItem("single-keys", singleKeys.checked ? "on" : "off"); } catch { /* private mode */ }
  });

  const rows = () => [...document.querySelectorAll("table.rows tbody tr:not(.group)")];

  // What is typed between the key that opens an edit and the arrival of its field belongs into the field.
  let typedAhead = null;
  let patience = 0;
  // The field to edit when the answer under way is there: a row's ID, and which of its fields.
  let goOnTo = null;

  // The answer under way replaces the row; what is asked from inside the old one would come to nothing.
  const isAsking = (row) => Boolean(row?.querySelector(".htmx-request"));

  function edit(row, field) {
    const button = row?.querySelector(`[data-quick-edit="${field}"]`);
    if (!button && !isAsking(row)) return false;
    typedAhead = "";
    clearTimeout(patience);
    patience = setTimeout(() => { typedAhead = null; }, 3000);
    if (isAsking(row)) goOnTo = { id: row.id, field };
    else button.click();
    return true;
  }

  function handOver() {
    const input = document.activeElement;
    if (typedAhead === null || !input?.matches("form.quick input, form.quick select")) return;
    if (input.matches("input")) {
      input.select();
      if (typedAhead) input.setRangeText(typedAhead, 0, input.value.length, "end");
    }
    typedAhead = null;
  }

  function moveFocus(from, step) {
    const all = rows();
    const index = from ? all.indexOf(from) + step : step > 0 ? 0 : all.length - 1;
    all[index]?.querySelector("a.name, input, select")?.focus();
    return Boolean(all[index]);
  }

  // "g" waits for the letter of the page to go to.
  let waitsForPage = false;

  function singleKey(event) {
    const row = event.target.closest?.("tr");
    if (waitsForPage) {
      waitsForPage = false;
      const link = document.querySelector(`nav a[data-go="${CSS.escape(event.key)}"]`);
      link?.click();
      return Boolean(link);
    }
    switch (event.key) {
      case "?": sheet.showModal(); return true;
      case "/": document.getElementById("q")?.focus(); return Boolean(document.getElementById("q"));
      case "g": waitsForPage = true; setTimeout(() => { waitsForPage = false; }, 1500); return true;
      case "n": document.querySelector("[data-new]")?.click(); return true;
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

  // Tab saves what is edited and goes on to the next field, as in a spreadsheet; at the ends it leaves the list.
  function nextField(row, field, isBackward) {
    const fields = rows().flatMap((each) => [...each.querySelectorAll("td[data-cell]")]
      .filter((cell) => cell.querySelector("[data-quick-edit], form.quick"))
      .map((cell) => ({ id: each.id, field: cell.dataset.cell })));
    const here = fields.findIndex((each) => each.id === row.id && each.field === field);
    return fields[here + (isBackward ? -1 : 1)];
  }

  function tab(event) {
    const form = event.target.closest?.("form.quick");
    if (!form || !event.target.matches("input, select")) return;
    const row = form.closest("tr");
    const next = nextField(row, form.dataset.editing, event.shiftKey);
    if (!next) return;
    event.preventDefault();
    goOnTo = next;
    if (event.target.value === form.elements.namedItem("was").value) row.querySelector("[data-cancel]").click();
    else form.requestSubmit();
  }

  document.addEventListener("htmx:after:swap", () => {
    handOver();
    if (!goOnTo) return;
    const target = goOnTo;
    // A refused value keeps its field, with the reason.
    if (document.querySelector("form.quick.wrong")) { goOnTo = null; return; }
    const row = document.getElementById(target.id);
    if (row?.querySelector(`form.quick[data-editing="${target.field}"]`)) { goOnTo = null; return; }
    goOnTo = null;
    edit(row, target.field);
  });

  document.addEventListener("htmx:error", () => { goOnTo = null; });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const row = event.target.closest?.("tr");
    if (event.key === "Tab") tab(event);
    else if (event.key === "Escape" && row) row.querySelector("[data-cancel]")?.click();
    else if (event.key === "Escape") closeMenus();
    else if (event.key === "Enter" && event.target.matches("form.quick select")) {
      event.target.form.requestSubmit();
      event.preventDefault();
    } else if (typedAhead !== null && !isTyping(event.target) && event.key.length === 1) {
      typedAhead += event.key;
      event.preventDefault();
    } else if (!isTyping(event.target) && singleKeys.checked && !sheet.open && singleKey(event)) event.preventDefault();
  });

  function closeMenus() {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }

  // Before htmx hears of the click: it would ask from inside the old row.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-quick-edit]");
    const row = button?.closest("tr");
    if (!isAsking(row)) return;
    event.stopPropagation();
    edit(row, button.dataset.quickEdit);
  }, { capture: true });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open=shortcuts]")) sheet.showModal();
    if (event.target === sheet) sheet.close();
    // A click beside the words of a cell edits it; links and buttons in it do what they say.
    const cell = event.target.closest("td[data-cell]");
    if (cell && !event.target.closest("a, button, input, select, form, label")) edit(cell.closest("tr"), cell.dataset.cell);
  });
})();
