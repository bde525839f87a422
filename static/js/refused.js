// A form that was refused and then accepted: the browser's Back shows the form again, and doesn't ask to resend it.
import { store, stored } from "./page.js";

const KEY = "sent-from";
const wasRefused = performance.getEntriesByType("navigation")[0]?.responseStatus === 422;

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (!wasRefused) return store(sessionStorage, KEY, location.href);
  // The refusal's place in the history becomes that of the page where the form was opened.
  const opened = stored(sessionStorage, KEY, null);
  if (opened) history.replaceState(null, "", opened);
});
