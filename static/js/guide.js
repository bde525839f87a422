// <section data-guide="connection">: the ticks of its [data-step]s stay with the connection, in this browser.
// [data-guide-restart] unticks them all.
import { store, stored } from "./page.js";

const guide = document.getElementById("guide");
const keyOf = (id) => `guide:${id}`;
const boxOf = (step) => step.querySelector(".tick input");
const steps = () => [...guide.querySelectorAll("[data-step]")];

function markNextStep() {
  guide.querySelector("[data-guide-restart]").hidden = !guide.querySelector(".tick input:checked");
  for (const list of guide.querySelectorAll(".steps")) {
    const now = [...list.children].find((step) => !step.hidden && !boxOf(step).checked);
    for (const step of list.children) step.classList.toggle("now", step === now);
  }
}

function saveTicks() {
  const done = steps().filter((step) => boxOf(step).checked);
  store(localStorage, keyOf(guide.dataset.guide), done.map((step) => step.dataset.step));
  markNextStep();
}

function showTicks() {
  const done = new Set(stored(localStorage, keyOf(guide.dataset.guide), []));
  for (const step of steps()) boxOf(step).checked = done.has(step.dataset.step);
  markNextStep();
}

// What was ticked while the connection was new belongs to it once it is saved.
function handTicksOver(id) {
  const ticks = stored(localStorage, keyOf("new"), []);
  if (!ticks.length) return;
  store(localStorage, keyOf(id), ticks);
  localStorage.removeItem(keyOf("new"));
}

if (guide) {
  guide.addEventListener("change", (event) => {
    if (!event.target.closest(".tick")) return;
    saveTicks();
    const picture = event.target.closest(".steps").querySelector(".now .picture");
    if (picture) picture.open = true;
  });
  guide.addEventListener("click", (event) => {
    if (!event.target.closest("[data-guide-restart]")) return;
    for (const step of steps()) boxOf(step).checked = false;
    saveTicks();
  });
  // After show_when.js has shown or hidden steps.
  document.addEventListener("change", (event) => {
    if (event.target.closest("#connection-form")) markNextStep();
  });
  showTicks();
} else if (document.getElementById("connection-status")) {
  handTicksOver(location.pathname.split("/").pop());
}
