// <div data-show-when="field=value,other"> follows a field of the form on the same page.

function showWhatMatters() {
  const form = document.getElementById("connection-form");
  if (!form) return;
  const values = new FormData(form);
  for (const element of document.querySelectorAll("[data-show-when]")) {
    const [name, wanted] = element.dataset.showWhen.split("=");
    element.hidden = !wanted.split(",").includes(values.get(name));
  }
}

document.addEventListener("change", (event) => {
  if (event.target.closest("#connection-form")) showWhatMatters();
});
showWhatMatters();
