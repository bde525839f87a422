// <form data-autosave>: what was typed survives an expired session or a closed tab. Secrets are never stored in the
// browser. <p data-restored> says that fields were filled in again.
import { store, stored } from "./page.js";

const PREFIX = "draft:";
const secretFields = new Set(["client_secret", "kept_secret", "csrf_token", "edited"]);
const key = `${PREFIX}${location.pathname}`;

function save(form) {
  store(sessionStorage, key, [...new FormData(form)].filter(([name]) => !secretFields.has(name)));
}

function restore(form) {
  const values = stored(sessionStorage, key, null);
  forget((each) => each === key);
  if (!Array.isArray(values) || document.querySelector(".summary")) return;
  for (const [name, value] of values) {
    const field = form.elements.namedItem(name);
    if (field && "value" in field) field.value = value;
  }
  document.querySelector("[data-restored]").hidden = false;
}

function forget(isOver) {
  try {
    for (const each of Object.keys(sessionStorage)) if (isOver(each)) sessionStorage.removeItem(each);
  } catch { /* private mode */ }
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-autosave]");
  if (form) save(form);
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-autosave]")) save(event.target);
});

const form = document.querySelector("form[data-autosave]");
if (form) restore(form);
// A connection's page is where a successful save leads.
else if (document.getElementById("connection-status")) forget((each) => each.startsWith(PREFIX));
