// Small conveniences. Every page works without them.
(() => {
  "use strict";

  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  function ago(seconds) {
    if (seconds > -5 && seconds < 5) return "just now";
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
      let words;
      if (style === "clock") words = clock(passed);
      else if (style === "in") words = passed < -0.5 ? `in ${Math.ceil(-passed)} s` : "now";
      else if (style === "at") words = exact.format(moment);
      else words = ago(passed);
      if (element.textContent !== words) element.textContent = words;
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
    const words = button.firstChild;
    const before = words.textContent;
    words.textContent = "Copied";
    announce("Copied");
    setTimeout(() => { words.textContent = before; }, 2000);
  }

  function announce(text) {
    const announcer = document.getElementById("announcer");
    if (announcer) announcer.textContent = text;
  }

  // <div data-show-when="field=value"> follows a field of the form on the same page.
  function showWhatMatters() {
    const form = document.getElementById("connection-form");
    if (!form) return;
    const values = new FormData(form);
    for (const element of document.querySelectorAll("[data-show-when]")) {
      const [name, value] = element.dataset.showWhen.split("=");
      element.hidden = values.get(name) !== value;
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
    const title = `${section.querySelector(".pill").textContent.trim()} · ${plainTitle}`;
    if (document.title !== title) document.title = title;
  }

  let lastState = document.getElementById("connection-status")?.dataset.state;
  let wantsToContinue = document.getElementById("continue_automatically")?.checked ?? false;

  function afterSwap() {
    tick();
    for (const element of document.querySelectorAll("[data-scripted], button[data-copy]")) element.hidden = false;
    // What htmx wanted to focus may have been hidden until just now.
    if (document.activeElement === document.body) document.querySelector("tr [autofocus]")?.focus();
    const section = document.getElementById("connection-status");
    const choice = document.getElementById("continue_automatically");
    if (choice) wantsToContinue = choice.checked;
    showStateInTitle(section);
    if (!section || section.dataset.state === lastState) return;
    const from = lastState;
    lastState = section.dataset.state;
    announce(section.querySelector(".pill")?.textContent.trim() ?? "");
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
  // In the list: e renames the row that has the focus, Enter saves, Escape cancels.
  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("q");
    if (event.key === "/" && search && !event.target.matches("input, select, textarea")) {
      search.focus();
      event.preventDefault();
    }
    const row = event.target.closest?.("tr");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target.matches("input, select, textarea");
    if (event.key === "e" && !isTyping) {
      row.querySelector("[data-quick-edit]")?.click();
      event.preventDefault();
    } else if (event.key === "Escape") {
      row.querySelector("[data-cancel]")?.click();
    } else if (event.key === "Enter" && event.target.matches("select")) {
      event.target.form.requestSubmit();
      event.preventDefault();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "continue_automatically") wantsToContinue = event.target.checked;
    if (event.target.closest("#connection-form")) showWhatMatters();
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-autosave]");
    if (form) keepDraft(form);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-autosave]")) keepDraft(event.target);
  });
  document.addEventListener("htmx:after:swap", afterSwap);
  // A tab that nobody sees asks less often; when it is looked at again, the next poll is at most a second away.
  let lastHiddenPoll = 0;
  document.addEventListener("htmx:before:request", (event) => {
    const isPoll = event.target.id === "connection-status";
    if (!isPoll || !document.hidden) return;
    if (Date.now() - lastHiddenPoll < 15000) event.preventDefault();
    else lastHiddenPoll = Date.now();
  });

  const form = document.querySelector("form[data-autosave]");
  if (form) restoreDraft(form);
  // A connection's page is where a successful save leads.
  else if (lastState) for (const key of Object.keys(sessionStorage)) if (key.startsWith("draft:")) sessionStorage.removeItem(key);
  showWhatMatters();
  afterSwap();
  document.querySelector("[data-focus]")?.focus();
  setInterval(tick, 1000);
})();
