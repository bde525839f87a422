// <section data-news="…" data-title="…">: a run says aloud when its state changes, not each second, and stands in the tab's
// title and icon. What somebody opened stays open when a poll brings the section again.
import { announce, atEachSwap } from "./page.js";
import { notify } from "./notify.js";

const plainTitle = document.title;
let lastState = document.querySelector("[data-news]")?.dataset.state;
let isLogOpen = false;

atEachSwap(() => {
  const section = document.querySelector("[data-news]");
  if (!section) return;
  const title = `${section.dataset.title} · ${plainTitle}`;
  if (document.title !== title) document.title = title;
  const icon = document.getElementById("icon");
  const address = icon.dataset[section.querySelector(".pill").dataset.tone] ?? icon.dataset.plain;
  if (icon.getAttribute("href") !== address) icon.setAttribute("href", address);
  const log = section.querySelector("details");
  if (log.open !== isLogOpen) log.open = isLogOpen;
  if (section.dataset.state === lastState) return;
  lastState = section.dataset.state;
  announce(section.dataset.news);
  notify(section.dataset.news);
});

document.addEventListener("click", (event) => {
  const summary = event.target.closest("[data-news] summary");
  if (summary) isLogOpen = !summary.parentElement.open;
});
