/**
 * What every page of the grown-up's app shares: presses, forms and mistakes.
 *
 * A page is drawn from what is known (known.js) and from what its reader has done here. A mistake in a form is said as GOV.UK says it:
 * a summary first, with the focus in it, and the same words beside each field; the title begins with "Error:".
 */
import { ApiFault } from "../shared/api.js";
import { html, View } from "../shared/html.js";
import { errorSummary, icon } from "../shared/parts.js";
import { onPress } from "../shared/press.js";
import { say } from "../shared/say.js";
import { words } from "../shared/words.js";
import { here } from "./route.js";

/** @typedef {import("../shared/html.js").Markup} Markup */
/** @typedef {{field: string, words: string}} Mistake */
/** @typedef {Record<string, (control: HTMLElement, event: Event) => void>} Deeds */

/** What is said about a field that the server found wrong. @type {Record<string, string>} */
const FIELD_WORDS = { name: "problem.name", email: "problem.email", password: "problem.password" };

export class Page extends View {
  /** What must be put right. @type {Mistake[]} */ mistakes = [];
  /** A sentence about what was just done. */ news = "";
  /** Waiting for the server: the same press is not sent twice. */ busy = false;

  constructor() {
    super();
    onPress(this, { ...this.deeds(), mistake: (control) => this.#goTo(control.getAttribute("href") ?? "") });
    this.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.target instanceof HTMLFormElement) void this.attempt(() => this.send(/** @type {HTMLFormElement} */ (event.target)));
    });
    this.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest(".error-summary a") : null;
      if (!link) return;
      event.preventDefault(); // the address after # is ours, so the browser may not follow it
      this.#goTo(link.getAttribute("href") ?? "");
    });
  }

  /** @override */
  update() {
    super.update();
    this.dispatchEvent(new CustomEvent("drawn", { bubbles: true })); // the frame keeps the title true
  }

  /** What each `data-do` means. @returns {Deeds} */
  deeds() {
    return {};
  }

  /** A form was sent. @param {HTMLFormElement} _form @returns {Promise<void> | void} */
  send(_form) {}

  /** The parts of the address after the page's name. */
  get parts() {
    return here().parts;
  }

  /**
   * Do something at the server; a refusal becomes a mistake that can be put right.
   * @param {() => Promise<void> | void} deed
   */
  async attempt(deed) {
    if (this.busy) return;
    this.busy = true;
    try {
      await deed();
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      const named = Object.keys(fault.fields).filter((field) => field in FIELD_WORDS && document.getElementById(field));
      this.complain(named.length > 0
        ? named.map((field) => ({ field, words: words(FIELD_WORDS[field] ?? "") }))
        : [{ field: this.firstField(), words: this.explain(fault) }]);
    } finally {
      this.busy = false;
    }
  }

  /** Where the link of a mistake leads that belongs to no field. */
  firstField() {
    return this.querySelector("form input, form button, main button, button")?.id || "page";
  }

  /** Words for a refusal. @param {ApiFault} fault @returns {string} */
  explain(fault) {
    if (fault.code === "offline") return words("stuck.offline");
    if (fault.code === "slow_down") return words("problem.slow-down", { n: Math.max(1, Math.ceil(fault.retryAfter / 60)) });
    if (fault.code === "bad_request") return words("problem.fields");
    return words("stuck");
  }

  /** Say what must be put right, first on the page. @param {Mistake[]} mistakes */
  complain(mistakes) {
    this.mistakes = mistakes;
    this.news = "";
    this.update();
    const summary = this.querySelector(".error-summary");
    if (summary instanceof HTMLElement) summary.focus();
  }

  /** Say what was done, and show it above the page. @param {string} text @param {boolean} [gone] what was pressed is no longer there, so the heading takes the focus */
  done(text, gone = false) {
    this.mistakes = [];
    this.news = text;
    this.update();
    if (gone && !this.contains(document.activeElement)) this.dispatchEvent(new CustomEvent("arrived", { bubbles: true }));
    say(text);
  }

  /** The error summary or the sentence about what was done: the first thing on the page. @returns {Markup} */
  notes() {
    if (this.mistakes.length > 0) return errorSummary(words("problem.title"), this.mistakes);
    return this.news ? html`<p class="saved plate-line ok" data-key="news">${icon("tick")}<span>${this.news}</span></p>` : html``;
  }

  /** @param {string} field */
  wrong(field) {
    return this.mistakes.find((mistake) => mistake.field === field)?.words;
  }

  /** @param {string} href */
  #goTo(href) {
    const field = document.getElementById(href.replace(/^#/, ""));
    field?.scrollIntoView({ block: "center" });
    field?.focus();
  }
}

/** The words beside a field that must be put right. @param {string} id @param {string | undefined} text */
export const mistakeLine = (id, text) => (text ? html`<p class="error-line" id="${id}-wrong">${icon("no")}<span>${text}</span></p>` : null);

/**
 * One labelled field with its help and its mistake.
 * @param {{id: string, label: string, help?: string, type?: string, autocomplete?: string, value?: string, wrong?: string | undefined}} field
 */
export const textField = ({ id, label, help, type = "text", autocomplete = "off", value = "", wrong }) => {
  const about = [help ? `${id}-help` : "", wrong ? `${id}-wrong` : ""].filter(Boolean).join(" ");
  return html`<div class="field ${wrong ? "wrong" : ""}"><label for="${id}">${label}</label>
    ${help ? html`<p class="help-line" id="${id}-help">${help}</p>` : null}${mistakeLine(id, wrong)}
    <input data-key="${id}" id="${id}" name="${id}" type="${type}" autocomplete="${autocomplete}" value="${value}" spellcheck="false" ${type === "email" ? html`inputmode="email" autocapitalize="off"` : null}
      aria-describedby="${about}" ${wrong ? html`aria-invalid="true"` : null}></div>`;
};

/**
 * A list of radio buttons, one of which may be chosen; none is chosen for the reader.
 * @param {{id: string, legend: Markup | string, choices: {value: string, words: Markup | string, help?: string}[], chosen?: string, help?: string, wrong?: string | undefined, plain?: boolean, deed?: string}} group
 */
export const radios = ({ id, legend, choices, chosen = "", help, wrong, plain = false, deed = "" }) => html`<fieldset class="field ${wrong ? "wrong" : ""}"
  aria-describedby="${wrong ? `${id}-wrong` : ""}"><legend class="${plain ? "hidden-words" : ""}">${legend}</legend>
  ${help ? html`<p class="help-line">${help}</p>` : null}${mistakeLine(id, wrong)}
  <div class="choices" data-key="${id}-choices">${choices.map((choice, n) => html`<label class="choice" data-key="${id}-${choice.value}"><input type="radio" id="${n === 0 ? id : `${id}-${n + 1}`}" name="${id}" value="${choice.value}"
    ${deed ? html`data-do="${deed}" data-again` : null} ${choice.value === chosen ? html`checked` : null}><span>${choice.words}${choice.help ? html`<span class="choice-help">${choice.help}</span>` : null}</span></label>`)}</div></fieldset>`;

/** What was typed or chosen, by field. @param {HTMLFormElement} form @returns {Record<string, string>} */
export const typed = (form) => Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));

/** Three still posts and a word: nothing spins. */
/** @param {string} [why] */
export const waiting = (why = words("loading")) => html`<div class="waiting" data-key="waiting"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span><p>${why}</p></div>`;

/** Something could not be fetched. @param {import("../shared/api.js").ApiFault} fault */
export const stuck = (fault) => html`<div class="panel" data-key="stuck"><p>${words(fault.code === "offline" ? "stuck.offline" : "stuck")}</p>
  <p><button class="button" type="button" data-do="again">${words("try-again")}</button></p></div>`;
