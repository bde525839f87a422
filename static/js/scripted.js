// data-scripted: shown only where JavaScript runs. data-focus: has the focus when the page opens, or a refused form comes.
import { atEachSwap } from "./page.js";

atEachSwap(() => {
  for (const element of document.querySelectorAll("[data-scripted], button[data-copy]")) element.hidden = false;
  // What htmx wanted to focus may have been hidden until just now.
  for (const element of document.querySelectorAll("tr [autofocus]")) {
    if (document.activeElement === document.body) element.focus();
    element.removeAttribute("autofocus");
  }
  const summary = document.querySelector("main > [data-focus]");
  summary?.focus();
  summary?.removeAttribute("data-focus");
});

document.querySelector("[data-focus]")?.focus();
