// [data-unticks]: a button that takes away what is ticked. The morph that follows keeps boxes as they were; the server knows
// better, so all boxes of its form become what it sent.
let form = null;

document.addEventListener("click", (event) => { form = event.target.closest("[data-unticks]")?.form ?? null; });
document.addEventListener("htmx:after:swap", () => {
  for (const box of form?.querySelectorAll("input[type=checkbox]") ?? []) box.checked = box.defaultChecked;
  form = null;
});
