// <div id="address-note" data-origin="…">: a proxy may hide from DataSync which address the browser shows. [data-seen] and
// [data-advised] are filled in.

const isLocal = (host) => ["127.0.0.1", "localhost", "[::1]"].includes(host);

function compareAddress(note) {
  const known = new URL(note.dataset.origin);
  const areBothLocal = isLocal(known.hostname) && isLocal(location.hostname) && known.protocol === location.protocol;
  note.hidden = location.origin === known.origin || (areBothLocal && location.port === known.port);
  note.querySelector("[data-seen]").textContent = location.origin;
  const advised = note.querySelector("[data-advised]");
  if (advised) advised.textContent = isLocal(location.hostname) ? location.origin : `https://${location.host}`;
}

const note = document.getElementById("address-note");
if (note) compareAddress(note);
