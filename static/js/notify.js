// [data-notify]: a notification of the browser, for those who asked for it and read elsewhere. [data-notify-on] says that
// they did.
import { atEachSwap } from "./page.js";

const title = document.title;
const isOn = () => "Notification" in window && Notification.permission === "granted";

function showChoice() {
  const choice = document.getElementById("notify");
  if (!choice || !("Notification" in window) || Notification.permission === "denied") return;
  choice.hidden = false;
  choice.querySelector("[data-notify]").hidden = isOn();
  choice.querySelector("[data-notify-on]").hidden = !isOn();
}

export function notify(text) {
  if (!isOn() || !document.hidden) return;
  const icon = document.getElementById("icon").href;
  const notification = new Notification(text, { body: title, tag: location.pathname, icon });
  notification.addEventListener("click", () => { window.focus(); notification.close(); });
}

document.addEventListener("click", async (event) => {
  if (!event.target.closest("[data-notify]")) return;
  await Notification.requestPermission();
  showChoice();
});
atEachSwap(showChoice);
