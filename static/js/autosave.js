// <form data-autosave>: what was typed survives an expired session, a server that is away, or a closed tab. Secrets are never
// stored in the browser. <p data-restored> says that fields were filled in again.
import { store, stored } from "./page.js";

const key = `draft:${location.pathname}`;
// Which form was sent last: the page that comes then shows whether it was saved.
const SENT = "sent-draft";

function isSecret(form, name) {
  return form.elements.namedItem(name)?.type === "password" || name === "csrf_token" || name.startsWith("kept_");
}

function save(form) {
  store(sessionStorage, key, [...new FormData(form)].filter(([name]) => !isSecret(form, name)));
}

function restore(form) {
  const values = stored(sessionStorage, key, null);
  if (!Array.isArray(values) || document.querySelector(".summary")) return;
  for (const [name, value] of values) {
    const field = form.elements.namedItem(name);
    if (field && "value" in field) field.value = value;
  }
  document.querySelector("[data-restored]").hidden = false;
}

function forget(name) {
  try { sessionStorage.removeItem(name); } catch { /* private mode */ }
}

function noteSent(event) {
  const form = event.target.closest?.("form[data-autosave]");
  if (!form) return;
  save(form);
  store(sessionStorage, SENT, key);
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-autosave]");
  if (form) save(form);
});
document.addEventListener("submit", noteSent);
document.addEventListener("htmx:before:request", noteSent);
// The link in the form is Cancel.
document.addEventListener("click", (event) => { if (event.target.closest("form[data-autosave] a")) forget(key); });

const form = document.querySelector("form[data-autosave]");
const sent = stored(sessionStorage, SENT, null);
forget(SENT);
if (form) restore(form);
// A connection's page is where a successful save leads.
else if (sent && document.getElementById("connection-status")) forget(sent);
