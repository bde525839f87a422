// <div data-show-when="field=value,other"> follows a field of its form, or of #connection-form where it is in none.
import { atEachSwap } from "./page.js";

function showWhatMatters() {
  for (const element of document.querySelectorAll("[data-show-when]")) {
    const form = element.closest("form") ?? document.getElementById("connection-form");
    if (!form) continue;
    const [name, wanted] = element.dataset.showWhen.split("=");
    element.hidden = !wanted.split(",").includes(new FormData(form).get(name));
  }
}

document.addEventListener("change", showWhatMatters);
atEachSwap(showWhatMatters);
