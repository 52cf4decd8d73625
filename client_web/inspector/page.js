/** What every page of the inspector's app shares: waiting, what could not be fetched, and small parts about rules, sources and promises. */
import { html, View } from "../shared/html.js";
import { chip, icon } from "../shared/parts.js";
import { hasWords, words } from "../shared/words.js";
import { faultOf, look } from "./known.js";
import { to } from "./route.js";

/** @typedef {import("../shared/html.js").Markup} Markup */
/** @typedef {import("./facts.js").Facts} Facts */
/** @typedef {import("./facts.js").Cited} Cited */
/** @typedef {import("./facts.js").Outcome} Outcome */

export class Page extends View {
  /** @override */
  update() {
    super.update();
    standAsDrawn(this);
    this.dispatchEvent(new CustomEvent("drawn", { bubbles: true })); // the frame keeps the title true
  }
}

/**
 * Once touched, a switch and a list keep what the hand chose, whatever is drawn later. Here the drawing counts: a situation is also changed by
 * the buttons of its answer.
 * @param {Element} page
 */
function standAsDrawn(page) {
  for (const box of page.querySelectorAll("input[type=checkbox]")) /** @type {HTMLInputElement} */ (box).checked = box.hasAttribute("checked");
  for (const list of page.querySelectorAll("select")) {
    const drawn = [...list.options].findIndex((one) => one.hasAttribute("selected"));
    list.selectedIndex = Math.max(0, drawn);
  }
}

/** Three still posts and a word: nothing turns. */
/** @param {string} [why] */
export const waiting = (why = words("loading")) => html`<div class="waiting" data-key="waiting"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span><p>${why}</p></div>`;

/** Something could not be fetched. @param {import("../shared/api.js").ApiFault} fault */
export const stuck = (fault) => html`<div class="panel" data-key="stuck"><p>${words(fault.code === "offline" ? "stuck.offline" : "stuck")}</p>
  <p><button class="button" type="button" data-do="again">${words("try-again")}</button></p></div>`;

/**
 * A heading, one sentence under it, and what is drawn from a fact once it is known.
 * @template {keyof Facts} S
 * @param {string} name the page's name in the words @param {S} source @param {(fact: Facts[S]) => Markup} draw @param {string} [about]
 */
export function pageOf(name, source, draw, about = "") {
  const fact = look(source, about);
  const fault = faultOf(source, about);
  return html`<h1 tabindex="-1">${words(`${name}.title`)}</h1><p class="lead">${words(`${name}.lead`)}</p>${fact ? draw(fact) : fault ? stuck(fault) : waiting()}`;
}

/** Words for a name that the server uses, or the name itself made readable: a new one is shown plainly until it has words. @param {string} key @param {string} name */
export const named = (key, name) => (hasWords(`${key}.${name}`) ? words(`${key}.${name}`) : begun(String(name).replaceAll(/[_-]/g, " ")));

/** The first letter big. @param {string} text */
export const begun = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** One rule as a link to its own page. @param {string} id */
export const ruleLink = (id) => html`<a href="${to("rules", id)}">${id}</a>`;

/** Several links after one another; a comma stays with the one before it. @param {Markup[]} links */
export const inLine = (links) => html`<span class="in-line">${links.map((link, n) => html`<span>${link}${n < links.length - 1 ? "," : null}</span> `)}</span>`;

const LANGUAGE = "en-GB";

/** "26 November 2026" @param {number | string} at milliseconds, or a day */
export const dateOf = (at) => new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).format(new Date(at));

/** "26 Nov 2026", where a column is narrow @param {string} day */
export const shortDate = (day) => new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(new Date(day));

/** "26 November 2026, 14:05" by the reader's clock @param {number} at milliseconds */
export const momentOf = (at) => new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" }).format(new Date(at));

/** "1,204" @param {number} n */
export const number = (n) => new Intl.NumberFormat(LANGUAGE).format(n);

/** How a law stands: a word, a shape and a colour. @param {import("./facts.js").LawStatus} status */
export const lawChip = (status) => chip(status === "in_force" ? "ok" : status === "ours" ? "rest" : "wait", status === "in_force" ? "tick" : status === "ours" ? "hand" : "clock", named("law", status));

/** How a promise stands. @param {Outcome} outcome */
export const proofChip = (outcome) => chip(outcome === "proven" ? "ok" : outcome === "broken" ? "stop" : "wait", outcome === "proven" ? "tick" : outcome === "broken" ? "no" : "wait", words(`proof.${outcome}`));

/** How one story went. Its title may name an attack ("A stranger rings"), and what is proven then is the promise and not the attack. @param {Outcome} outcome */
export const storyChip = (outcome) => chip(outcome === "proven" ? "ok" : outcome === "broken" ? "stop" : "wait", outcome === "proven" ? "tick" : outcome === "broken" ? "no" : "wait", words(`story.${outcome}`));

/** How a whole run went. It may have played a part of the stories only, so it is not said in the word that a promise has. @param {Outcome} outcome */
export const runChip = (outcome) => chip(outcome === "proven" ? "ok" : outcome === "broken" ? "stop" : "wait", outcome === "proven" ? "tick" : outcome === "broken" ? "no" : "wait", words(`inspection.over-${outcome}`));

/** A label and one choice out of a list; the first means all. @param {{id: string, label: string, all: string, choices: {value: string, words: string}[], chosen: string, deed?: string}} s */
export const select = ({ id, label, all, choices, chosen, deed = "filter" }) => html`<div class="field"><label for="${id}">${label}</label><select id="${id}" name="${id}" data-change="${deed}">
  ${all ? html`<option value="">${all}</option>` : null}${choices.map((one) => html`<option value="${one.value}" ${one.value === chosen ? html`selected` : null}>${one.words}</option>`)}</select></div>`;

/** Nothing to show, said kindly. @param {string} text */
export const nothing = (text) => html`<p class="panel empty" data-key="nothing">${icon("wait")}<span>${text}</span></p>`;
