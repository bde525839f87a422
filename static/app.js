// Small conveniences. Every page works without them.
(() => {
  "use strict";

  const words = document.body.dataset;
  const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  function ago(seconds) {
    if (seconds > -5 && seconds < 5) return words.justNow;
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units[3];
    return relative.format(-Math.trunc(seconds / size), unit);
  }

  function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
    const tail = String(whole % 60).padStart(2, "0");
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
  }

  // Relative times are kept out of what a poll compares; this keeps them true.
  function tick() {
    for (const element of document.querySelectorAll("time[datetime]")) {
      const moment = new Date(element.dateTime);
      const passed = (Date.now() - moment) / 1000;
      const style = element.dataset.style ?? "ago";
      let text;
      if (style === "clock") text = clock(passed);
      else if (style === "in") text = passed < -0.5 ? words.inSeconds.replace("{0}", Math.ceil(-passed)) : words.now;
      else if (style === "at") text = exact.format(moment);
      else text = ago(passed);
      if (element.textContent !== text) element.textContent = text;
      const title = exact.format(moment);
      if (element.title !== title) element.title = title;
    }
    for (const bar of document.querySelectorAll("progress[data-since]")) {
      bar.value = Math.min(bar.max, (Date.now() - new Date(bar.dataset.since)) / 1000);
    }
  }

  async function copy(button) {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Browsers give the clipboard to https pages only; the old way works on the others.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    const label = button.firstChild;
    const before = label.textContent;
    label.textContent = words.copied;
    announce(words.copied);
    setTimeout(() => { label.textContent = before; }, 2000);
    const tick = button.closest("[data-step]")?.querySelector(".tick input");
    if (tick && !tick.checked) tick.click();
  }

  function announce(text) {
    const announcer = document.getElementById("announcer");
    if (announcer) announcer.textContent = text;
  }

  // <div data-show-when="field=value,other"> follows a field of the form on the same page.
  function showWhatMatters() {
    const form = document.getElementById("connection-form");
    if (!form) return;
    const values = new FormData(form);
    for (const element of document.querySelectorAll("[data-show-when]")) {
      const [name, wanted] = element.dataset.showWhen.split("=");
      element.hidden = !wanted.split(",").includes(values.get(name));
    }
  }

  // What was typed survives an expired session or a closed tab; secrets are never kept in the browser.
  const secretFields = new Set(["client_secret", "kept_secret", "csrf_token", "edited"]);
  const draftKey = () => `draft:${location.pathname}`;

  function keepDraft(form) {
    const values = [...new FormData(form)].filter(([name]) => !secretFields.has(name));
    try { sessionStorage.setItem(draftKey(), JSON.stringify(values)); } catch { /* private mode: nothing is kept */ }
  }

  function restoreDraft(form) {
    let values;
    try { values = JSON.parse(sessionStorage.getItem(draftKey()) ?? "null"); } catch { return; }
    sessionStorage.removeItem(draftKey());
    if (!Array.isArray(values) || document.querySelector(".summary")) return;
    for (const [name, value] of values) {
      const field = form.elements.namedItem(name);
      if (field && "value" in field) field.value = value;
    }
    document.querySelector("[data-restored]").hidden = false;
  }

  // Once per arrival at "ready": the fragment may be swapped in again while the browser is on its way.
  let isLeaving = false;

  function goOnByItself() {
    const form = document.querySelector("form[data-continue]");
    if (!form || isLeaving) return;
    isLeaving = true;
    form.requestSubmit();
  }

  // A tab in the background tells by its title that something happened.
  const plainTitle = document.title;
  function showStateInTitle(section) {
    if (!section) return;
    const pill = section.querySelector(".pill");
    const title = `${pill.textContent.trim()} · ${plainTitle}`;
    if (document.title !== title) document.title = title;
    const icon = document.getElementById("icon");
    const address = icon.dataset[pill.dataset.look] ?? icon.dataset.plain;
    if (icon.getAttribute("href") !== address) icon.setAttribute("href", address);
  }

  // A notification of the browser, for those who asked for it and look elsewhere.
  const notifies = () => "Notification" in window && Notification.permission === "granted";

  function showNotifyChoice() {
    const choice = document.getElementById("notify");
    if (!choice || !("Notification" in window) || Notification.permission === "denied") return;
    choice.hidden = false;
    choice.querySelector("[data-notify]").hidden = notifies();
    choice.querySelector("[data-notify-on]").hidden = !notifies();
  }

  function notify(text) {
    if (!notifies() || !document.hidden) return;
    const notification = new Notification(text, { body: plainTitle, tag: location.pathname, icon: document.getElementById("icon").href });
    notification.addEventListener("click", () => { window.focus(); notification.close(); });
  }

  let lastState = document.getElementById("connection-status")?.dataset.state;
  let wantsToContinue = document.getElementById("continue_automatically")?.checked ?? false;

  function afterSwap() {
    tick();
    noteNextLooks();
    for (const element of document.querySelectorAll("[data-scripted], button[data-copy]")) element.hidden = false;
    // What htmx wanted to focus may have been hidden until just now.
    for (const element of document.querySelectorAll("tr [autofocus]")) {
      if (document.activeElement === document.body) element.focus();
      element.removeAttribute("autofocus");
    }
    const section = document.getElementById("connection-status");
    const choice = document.getElementById("continue_automatically");
    if (choice) wantsToContinue = choice.checked;
    showStateInTitle(section);
    showNotifyChoice();
    if (!section || section.dataset.state === lastState) return;
    const from = lastState;
    lastState = section.dataset.state;
    const news = section.querySelector(".pill")?.textContent.trim() ?? "";
    announce(news);
    notify(news);
    if (from === "waiting_for_propagation" && lastState === "ready_to_authorize" && wantsToContinue) {
      goOnByItself();
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("click", async (event) => {
    if (!event.target.closest("[data-notify]")) return;
    await Notification.requestPermission();
    showNotifyChoice();
  });

  // The guide's ticks stay with the connection they were made for, in this browser.
  const guide = document.getElementById("guide");
  const guideKey = (id) => `guide:${id}`;

  function readTicks(id) {
    try { return JSON.parse(localStorage.getItem(guideKey(id)) ?? "[]"); } catch { return []; }
  }

  function showGuide() {
    if (!guide) return;
    const done = new Set(readTicks(guide.dataset.guide));
    for (const step of guide.querySelectorAll("[data-step]")) {
      const box = step.querySelector(".tick input");
      box.checked = done.has(step.dataset.step);
    }
    markNextStep();
  }

  function markNextStep() {
    guide.querySelector("[data-guide-restart]").hidden = !guide.querySelector(".tick input:checked");
    for (const list of guide.querySelectorAll(".steps")) {
      const steps = [...list.children].filter((step) => !step.hidden);
      const now = steps.find((step) => !step.querySelector(".tick input").checked);
      for (const step of list.children) step.classList.toggle("now", step === now);
    }
  }

  function keepTicks() {
    const done = [...guide.querySelectorAll("[data-step]")].filter((step) => step.querySelector(".tick input").checked);
    try {
      localStorage.setItem(guideKey(guide.dataset.guide), JSON.stringify(done.map((step) => step.dataset.step)));
    } catch { /* private mode: the ticks last as long as the page */ }
    markNextStep();
  }

  // What was ticked while the connection was new belongs to it once it is saved.
  function handTicksOver(id) {
    const ticks = readTicks("new");
    if (!ticks.length) return;
    localStorage.setItem(guideKey(id), JSON.stringify(ticks));
    localStorage.removeItem(guideKey("new"));
  }

  guide?.addEventListener("change", (event) => {
    if (!event.target.closest(".tick")) return;
    keepTicks();
    const picture = event.target.closest(".steps").querySelector(".now .picture");
    if (picture) picture.open = true;
  });
  guide?.addEventListener("click", (event) => {
    if (!event.target.closest("[data-guide-restart]")) return;
    for (const box of guide.querySelectorAll(".tick input")) box.checked = false;
    keepTicks();
  });

  // A poll that gets no answer says so; the next one that does takes it back.
  const offline = document.getElementById("offline");
  document.addEventListener("htmx:error", () => { offline.textContent = words.offline; offline.hidden = false; });
  document.addEventListener("htmx:after:request", () => { offline.hidden = true; });

  document.addEventListener("change", (event) => {
    if (event.target.id === "continue_automatically") wantsToContinue = event.target.checked;
    if (event.target.closest("#connection-form")) { showWhatMatters(); if (guide) markNextStep(); }
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-autosave]");
    if (form) keepDraft(form);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-autosave]")) keepDraft(event.target);
  });
  document.addEventListener("htmx:after:swap", afterSwap);
  // Polls while there can hardly be news: nobody sees the page, or the worker's next look is still to come.
  const HIDDEN_POLL = 15000;
  const EARLY_POLL = 8000;
  const polled = new WeakMap();

  function noteNextLooks() {
    for (const element of document.querySelectorAll("[data-next-look-in]")) {
      const tag = element.getAttribute("hx-ptag");
      const known = polled.get(element);
      if (known?.tag === tag) continue;
      const now = performance.now();
      polled.set(element, { tag, asked: now, lookAt: now + element.dataset.nextLookIn * 1000 });
    }
  }

  document.addEventListener("htmx:before:request", (event) => {
    if (!event.target.matches("#connection-status, #glance, tr")) return;
    const now = performance.now();
    const known = polled.get(event.target) ?? { asked: -Infinity, lookAt: 0 };
    let pause = now < known.lookAt ? EARLY_POLL : 0;
    if (document.hidden) pause = HIDDEN_POLL;
    if (now - known.asked < pause) event.preventDefault();
    else polled.set(event.target, { ...known, asked: now });
  });

  // A proxy may hide from DataSync which address the browser shows.
  function checkAddress() {
    const note = document.getElementById("address-note");
    if (!note) return;
    const known = new URL(note.dataset.origin);
    const isLocal = (host) => ["127.0.0.1", "localhost", "[::1]"].includes(host);
    const areBothLocal = isLocal(known.hostname) && isLocal(location.hostname) && known.protocol === location.protocol;
    note.hidden = location.origin === known.origin || (areBothLocal && location.port === known.port);
    note.querySelector("[data-seen]").textContent = location.origin;
    const advised = note.querySelector("[data-advised]");
    if (advised) advised.textContent = isLocal(location.hostname) ? location.origin : `https://${location.host}`;
  }

  checkAddress();
  const form = document.querySelector("form[data-autosave]");
  if (form) restoreDraft(form);
  // A connection's page is where a successful save leads.
  else if (lastState) {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith("draft:")) sessionStorage.removeItem(key);
    handTicksOver(location.pathname.split("/").pop());
  }
  showWhatMatters();
  showGuide();
  afterSwap();
  document.querySelector("[data-focus]")?.focus();
  setInterval(tick, 1000);
})();
