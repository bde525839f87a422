// <time datetime="…" data-style="ago|at|short|in|clock"> in the reader's zone and the page's language, and <progress data-since="…">.
// Relative times are not part of what a poll compares; this refreshes them.
import { atEachSwap, texts } from "./page.js";

// The page's language, as the reader's country writes it.
const { lang } = document.documentElement;
const locales = [...navigator.languages.filter((each) => each.split("-")[0] === lang), lang];
const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(locales, { dateStyle: "medium", timeStyle: "long" });
const at = new Intl.DateTimeFormat(locales, { dateStyle: "medium", timeStyle: "short" });
const short = new Intl.DateTimeFormat(locales, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function ago(seconds) {
  if (seconds > -5 && seconds < 5) return texts.justNow;
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units[3];
  return relative.format(-Math.trunc(seconds / size), unit);
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

const styles = {
  ago,
  clock,
  in: (seconds) => seconds < -0.5 ? texts.inSeconds.replace("{0}", Math.ceil(-seconds)) : texts.now,
  at: (seconds, moment) => at.format(moment),
  short: (seconds, moment) => short.format(moment),
};

function showTimes() {
  for (const element of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    const text = styles[element.dataset.style ?? "ago"]((Date.now() - moment) / 1000, moment);
    if (element.textContent !== text) element.textContent = text;
    const title = exact.format(moment);
    if (element.title !== title) element.title = title;
  }
  for (const bar of document.querySelectorAll("progress[data-since]")) {
    bar.value = Math.min(bar.max, (Date.now() - new Date(bar.dataset.since)) / 1000);
  }
}

atEachSwap(showTimes);
setInterval(showTimes, 1000);
