// [data-unticks]: a button that takes away what is ticked. The morph that follows keeps boxes as they were; the server knows
// better, so all boxes of its form become what it sent. Whoever sends the form before the answer is there sends it after.
let form = null;
let submitter = null;

document.addEventListener("click", (event) => { form = event.target.closest("[data-unticks]")?.form ?? form; });
document.addEventListener("submit", (event) => {
  if (!form || event.target !== form) return;
  event.preventDefault();
  submitter = event.submitter;
});
document.addEventListener("htmx:after:swap", () => {
  if (!form) return;
  for (const box of form.querySelectorAll("input[type=checkbox]")) box.checked = box.defaultChecked;
  const [sent, pressed] = [form, submitter];
  form = submitter = null;
  if (pressed?.isConnected) sent.requestSubmit(pressed);
});
document.addEventListener("htmx:error", () => { form = submitter = null; });
