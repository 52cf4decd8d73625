/**
 * One question in front of the page. Native dialog: the browser keeps the focus inside and Escape means the second answer.
 * Both answers are the same size and neither has the focus to begin with: the heading has.
 */
import { html, paint } from "./html.js";

/**
 * @param {{title: string, text?: string, yes: string, no: string}} question
 * @returns {Promise<boolean>} true when the first answer was pressed
 */
export function askFirst({ title, text, yes, no }) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "question");
  paint(dialog, html`<form method="dialog">
    <h2 id="question" tabindex="-1">${title}</h2>
    ${text ? html`<p>${text}</p>` : null}
    <div class="answers"><button class="button" value="yes">${yes}</button><button class="button" value="no">${no}</button></div>
  </form>`);
  const back = document.activeElement;
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("h2")?.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
      if (back instanceof HTMLElement && back.isConnected) back.focus();
    }, { once: true });
  });
}
