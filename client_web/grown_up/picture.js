/** Choosing a picture and what stands behind it: forty pegs, and the grounds that suit the one chosen (design 2.4, 2.5). */
import { AVATARS } from "../shared/avatars.js";
import { html } from "../shared/html.js";
import { avatar, ground as groundClass } from "../shared/parts.js";
import { words } from "../shared/words.js";
import { begun } from "./when.js";
import { mistakeLine } from "./page.js";

/** A picture for somebody who has not chosen one, different each time. @returns {{avatar: number, ground: number}} */
export function anyPicture() {
  const peg = AVATARS[Math.floor(Math.random() * AVATARS.length)];
  const grounds = peg?.grounds ?? [1];
  return { avatar: peg?.number ?? 0, ground: grounds[Math.floor(Math.random() * grounds.length)] ?? 1 };
}

/** The ground that a peg is shown on: the one chosen if it suits, else the first that does. @param {number} number @param {number} wanted */
export const suits = (number, wanted) => {
  const grounds = AVATARS[number]?.grounds ?? [1];
  return grounds.includes(wanted) ? wanted : (grounds[number % grounds.length] ?? 1);
};

/** @param {string} group @param {number} value @param {boolean} on @param {number} peg @param {number} ground @param {string} text */
const choice = (group, value, on, peg, ground, text) => html`<label data-key="${group}-${value}"><input type="radio" id="${group}-${value}" name="${group}" value="${value}" data-do="pick" data-again
  ${on ? html`checked` : null}><span class="post mid ${groundClass(ground)}" aria-hidden="true">${avatar(peg)}</span><span>${text}</span></label>`;

/**
 * @param {{avatar: number, ground: number}} chosen `avatar` -1 when nothing is chosen yet
 * @param {string | undefined} [wrong]
 */
export const pictureForm = (chosen, wrong) => html`<fieldset class="field"><legend class="hidden-words">${words("picture.title")}</legend>${mistakeLine("avatar-0", wrong)}
  <div class="picker">${AVATARS.map(({ number, name }) => choice("avatar", number, number === chosen.avatar, number, number === chosen.avatar ? chosen.ground : suits(number, (number % 8) + 1), begun(words(`picture.${name}`))))}</div></fieldset>
  ${AVATARS[chosen.avatar] ? html`<fieldset class="field" data-key="grounds"><legend>${words("picture.ground")}</legend>
    <div class="picker">${AVATARS[chosen.avatar]?.grounds.map((ground) => choice("ground", ground, ground === chosen.ground, chosen.avatar, ground, words(`ground.${ground}`)))}</div></fieldset>` : null}`;
