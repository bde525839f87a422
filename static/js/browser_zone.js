// <select data-browser-zone>: nobody has chosen a time zone yet, so it begins with the browser's.

const select = document.querySelector("select[data-browser-zone]");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (select && [...select.options].some((option) => option.value === zone) && select.value !== zone) {
  select.value = zone;
  // The preview below follows.
  document.addEventListener("DOMContentLoaded", () => select.dispatchEvent(new Event("change", { bubbles: true })));
}
