// The browser's time zone: in a cookie for what pages say at first, and in <select data-browser-zone> while nobody has
// chosen a zone yet.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const path = document.querySelector(".brand")?.getAttribute("href") ?? "/";
const secure = location.protocol === "https:" ? "; secure" : "";
if (zone) document.cookie = `datasync_zone=${zone}; path=${path}; max-age=31536000; samesite=lax${secure}`;

const select = document.querySelector("select[data-browser-zone]");
if (select && [...select.options].some((option) => option.value === zone) && select.value !== zone) {
  select.value = zone;
  // The preview below follows.
  document.addEventListener("DOMContentLoaded", () => select.dispatchEvent(new Event("change", { bubbles: true })));
}
