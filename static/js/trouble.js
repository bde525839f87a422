// #offline: no answer came to htmx, or a proxy's while DataSync restarts, which is never shown (noSwap in base.html).
// #trouble: another answer than the one asked for, as after a sign-out or a delete elsewhere. What somebody works on stays.
// A poll of its own place shows such an answer there, and polls no more.
import { texts } from "./page.js";

const offline = document.getElementById("offline");
const trouble = document.getElementById("trouble");
const isOwnPoll = ({ sourceElement, target }) =>
  target === sourceElement && sourceElement.getAttribute("hx-trigger")?.startsWith("every ");

function showOffline(isOffline) {
  offline.textContent = texts.offline;
  offline.hidden = !isOffline;
}

document.addEventListener("htmx:error", () => showOffline(true));
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const { status } = ctx.response;
  showOffline([502, 503, 504].includes(status));
  if (status < 400 && !isOwnPoll(ctx)) trouble.replaceChildren();
});
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  // 422 is the form again, with its errors.
  if (ctx.response.status === 422 || isOwnPoll(ctx)) return;
  Object.assign(ctx, { target: trouble, swap: "innerHTML", select: "", selectOOB: "" });
});
