// <section id="connection-status" data-state="…">: a state that changes is announced, and a tab in the background shows it
// by title and icon. At "ready", form[data-continue] is sent for those who wish so.
import { announce, atEachSwap } from "./page.js";
import { notify } from "./notify.js";

const plainTitle = document.title;
let lastState = document.getElementById("connection-status")?.dataset.state;
let wantsToContinue = false;
// Once per arrival at "ready": the fragment may be swapped in again while the browser is on its way.
let isLeaving = false;

function goOnByItself() {
  const form = document.querySelector("form[data-continue]");
  if (!form || isLeaving) return;
  isLeaving = true;
  form.requestSubmit();
}

function showInTitle(pill) {
  const title = `${pill.textContent.trim()} · ${plainTitle}`;
  if (document.title !== title) document.title = title;
  const icon = document.getElementById("icon");
  const address = icon.dataset[pill.dataset.tone] ?? icon.dataset.plain;
  if (icon.getAttribute("href") !== address) icon.setAttribute("href", address);
}

atEachSwap(() => {
  const section = document.getElementById("connection-status");
  const choice = document.getElementById("continue_automatically");
  if (choice) wantsToContinue = choice.checked;
  if (!section) return;
  const pill = section.querySelector(".pill");
  showInTitle(pill);
  if (section.dataset.state === lastState) return;
  const from = lastState;
  lastState = section.dataset.state;
  const news = pill.textContent.trim();
  announce(news);
  // What the rest of the page says may depend on it.
  document.body.dispatchEvent(new Event("state-changed"));
  notify(news);
  if (from === "waiting_for_propagation" && lastState === "ready_to_authorize" && wantsToContinue) goOnByItself();
});

document.addEventListener("change", (event) => {
  if (event.target.id === "continue_automatically") wantsToContinue = event.target.checked;
});
