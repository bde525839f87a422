// [data-toast]: what an answer says was done moves into #toasts, which is read aloud, and stays until [data-dismiss] or the
// next one. Its form undoes what was done to a row; the row gets the focus back.

const place = document.getElementById("toasts");

document.addEventListener("htmx:after:swap", () => {
  const news = document.querySelector("main [data-toast]");
  if (news) place.replaceChildren(news);
});

document.addEventListener("click", (event) => {
  const toast = event.target.closest("[data-dismiss]")?.closest("[data-toast]");
  if (!toast) return;
  const undo = toast.querySelector("form");
  toast.remove();
  document.querySelector(undo?.getAttribute("hx-target"))?.querySelector(`[data-quick-edit="${undo.dataset.field}"]`)?.focus();
});
