// <button data-copy="text"> or data-copy-from="selector": copies the text, says so, and ticks the guide's step it stands in.
import { announce, texts } from "./page.js";

async function toClipboard(text, button) {
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
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy], button[data-copy-from]");
  if (!button) return;
  await toClipboard(button.dataset.copy ?? document.querySelector(button.dataset.copyFrom).innerText, button);
  const label = button.firstChild;
  const before = label.textContent;
  label.textContent = texts.copied;
  announce(texts.copied);
  setTimeout(() => { label.textContent = before; }, 2000);
  const tick = button.closest("[data-step]")?.querySelector(".tick input");
  if (tick && !tick.checked) tick.click();
});
