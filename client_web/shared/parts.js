/**
 * The small drawn parts that every page is made of, as functions that return markup: icon, peg, chip, post, wordmark.
 * They know no page and no person. The look itself is in look/*.css; the drawings are in look/sprite.svg.
 */
import { html } from "./html.js";
/** @typedef {import("./html.js").Markup} Markup */

/** Where the drawings are, beside this file. */
const SPRITE = new URL("look/sprite.svg", import.meta.url).pathname;

/** @typedef {"help"|"mic"|"mic-off"|"cam"|"cam-off"|"leave"|"say"|"eye"|"eye-off"|"plus"|"tick"|"no"|"wait"|"moon"|"phone"|"inbox"|"people"|"clock"|"list"|"tablet"|"chev"|"back"|"home"|"link"|"keys"|"hand"} IconName */
/** @typedef {{name: string | null, avatar: number, ground: number}} Card  A person as they are shown: a name, one of forty pegs, one of eight grounds. */

/** An icon never stands alone: a word is beside it, so it is hidden from screen readers. @param {IconName} name */
export const icon = (name) => html`<svg class="icon" aria-hidden="true" focusable="false"><use href="${SPRITE}#i-${name}"></use></svg>`;

/** The drawing of one peg. @param {number} number 0 to 39; anything else shows nothing */
export const avatar = (number) =>
  Number.isInteger(number) && number >= 0 && number < 40
    ? html`<svg class="avatar" viewBox="0 -4 96 102" aria-hidden="true" focusable="false"><use href="${SPRITE}#av${number}"></use></svg>`
    : html``;

/** The class of a ground, or none. @param {number} number 1 to 8 */
export const ground = (number) => (Number.isInteger(number) && number >= 1 && number <= 8 ? `g${number}` : "");

/**
 * A person standing in a post. `size`: small (40 x 46, beside a name), me, mid (70 x 84), big (one person, a whole screen).
 * @param {Card} card @param {"small"|"me"|"mid"|"big"} size
 */
export const peg = (card, size) => html`<span class="post ${size} ${ground(card.ground)}" aria-hidden="true">${avatar(card.avatar)}</span>`;

/** A word about a state. @param {"ok"|"wait"|"stop"|"rest"} kind @param {IconName | null} sign @param {string} words */
export const chip = (kind, sign, words) =>
  html`<span class="chip ${kind} ${sign ? "" : "wordy"}">${sign ? icon(sign) : null}${words}</span>`;

/** The mark with the drawn word, for grown-ups' headers. @param {string} href */
export const brand = (href) => html`<a class="brand" href="${href}" aria-label="Ringfence"
  ><svg class="mark" viewBox="0 0 64 64" aria-hidden="true"><use href="${SPRITE}#mark"></use></svg
  ><svg class="wordmark" viewBox="0 0 262 56" aria-hidden="true"><use href="${SPRITE}#wordmark"></use></svg></a>`;

/** The mark alone. */
export const mark = () => html`<svg class="mark" viewBox="0 0 64 64" aria-hidden="true"><use href="${SPRITE}#mark"></use></svg>`;

/** Names longer than this get the smaller size: two lines at most, never cut. @param {string} text */
export const nameClass = (text) => (text.length > 14 ? "name long" : "name");

/**
 * One post of a fence: who, and how they are now. `before` is hidden words that make the link a sentence ("Call").
 * @param {{card: Card, href: string, before: string, state: Markup | null}} post
 */
export const fencePost = ({ card, href, before, state }) => {
  const name = card.name ?? "";
  return html`<a class="post ${ground(card.ground)}" href="${href}">${avatar(card.avatar)}<span class="plate"
    ><span class="${nameClass(name)}"><span class="hidden-words">${before} </span>${name}</span>${state}</span></a>`;
};

/**
 * Four yeses as four posts, on rails. A post that is not yet there is dashed; a no is square-topped.
 * @param {{card: Card, answer: "yes"|"no"|"not-yet", words: string}[]} yeses
 */
export const yeses = (yeses) => html`<ol class="yeses">${yeses.map(({ card, answer, words }) => html`
  <li class="yes ${answer === "yes" ? "" : answer === "no" ? "refused" : "not-yet"}">${answer === "not-yet"
    ? html`<span class="post mid" aria-hidden="true"></span>`
    : peg(card, "mid")}<span class="name">${card.name}</span>${chip(
    answer === "yes" ? "ok" : answer === "no" ? "stop" : "wait",
    answer === "yes" ? "tick" : answer === "no" ? "no" : "wait",
    words,
  )}</li>`)}</ol>`;

/** Day's or dusk's field behind a child's page. */
export const scene = () => html`<div class="scene" aria-hidden="true"><div class="sun"></div
  ><svg class="hills" viewBox="0 0 1200 560" preserveAspectRatio="none"
    ><path class="hill-far" d="M0 70C260 20 520 36 760 72s320 26 440-10v498H0z"></path
    ><path class="hill-near" d="M0 290c280-60 560-40 780-4s300 34 420-6v280H0z"></path></svg
  ><i class="tree"></i><i class="tree"></i><i class="tree"></i><i class="tree"></i></div>`;

/**
 * What must be put right, first on the page. Focus it with `arrive("Error:")` or by hand; the same words stand beside each field.
 * @param {string} title @param {{field: string, words: string}[]} errors `field` is the id of the input
 */
export const errorSummary = (title, errors) => errors.length === 0 ? html`` : html`
  <div class="error-summary" role="alert" tabindex="-1" data-key="error-summary"><h2>${title}</h2>
    <ul>${errors.map(({ field, words }) => html`<li><a href="#${field}">${words}</a></li>`)}</ul></div>`;

/**
 * A switch: a native checkbox that looks like a gate, with the word beside it.
 * @param {{id: string, label: string | Markup, on: boolean, words: {on: string, off: string}, deed: string}} s
 */
export const gateSwitch = ({ id, label, on, words, deed }) => html`<label class="switch" for="${id}"
  ><span>${label}</span><input type="checkbox" role="switch" id="${id}" data-do="${deed}" data-again ${on ? html`checked` : null}
  ><span class="state" data-on="${words.on}" data-off="${words.off}" aria-hidden="true"></span></label>`;

/**
 * Choose a picture and its ground. Radio buttons, so arrow keys work; the chosen one has a tick, not only a colour.
 * @param {{name: string, chosen: number, pictures: readonly {number: number, ground: number, words: string}[]}} picker
 */
export const picturePicker = ({ name, chosen, pictures }) => html`<div class="picker">${pictures.map(({ number, ground, words }) => html`
  <label data-key="${name}-${number}"><input type="radio" name="${name}" value="${number}" ${number === chosen ? html`checked` : null}
    >${peg({ name: words, avatar: number, ground }, "mid")}<span>${words}</span></label>`)}</div>`;

/** A day as a fence of half hours: open ones stand tall, quiet ones are short. Words must stand beside it. @param {readonly boolean[]} open */
export const dayFence = (open) => html`<div class="day" aria-hidden="true">${open.map((one) => (one ? html`<i class="open"></i>` : html`<i></i>`))}</div>`;

/** Two people beside each other between the same rails. @param {readonly Card[]} cards */
export const together = (cards) => html`<div class="together" aria-hidden="true">${cards.map((card) => peg(card, "mid"))}</div>`;
