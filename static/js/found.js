// #list[data-announce]: how much a search found is said aloud, when it changes.
import { announce } from "./page.js";

const found = () => document.getElementById("list")?.dataset.announce;
let said = found();

document.addEventListener("htmx:after:swap", () => {
  if (found() && found() !== said) announce(said = found());
});
