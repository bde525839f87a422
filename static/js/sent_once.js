// <form method="post">: an impatient second click doesn't send it again while its answer is on the way.

const PATIENCE = 10000;
let sent = new WeakMap();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (performance.now() - (sent.get(form) ?? -Infinity) < PATIENCE) event.preventDefault();
  else sent.set(form, performance.now());
});
// A page that Back brings out of the browser's memory may be sent again.
addEventListener("pageshow", () => { sent = new WeakMap(); });
