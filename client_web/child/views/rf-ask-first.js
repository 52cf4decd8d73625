/**
 * `rf-ask-first`: a call that a grown-up says yes to each time, or wants to be there for. One big question instead of Call; then "we
 * asked"; then either the page before a call (this one goes away by itself) or "not this time", without a reason and without blame.
 */
import { post } from "../../shared/api.js";
import { html, View } from "../../shared/html.js";
import { avatar, ground, icon } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { arrive } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { dock } from "../frame.js";
import { known, personOf, refresh } from "../known.js";
/** @typedef {import("../known.js").Person} Person */

/** Must somebody be asked before a call with them? @param {Person | null} person */
export const mustAsk = (person) => person !== null && (person.watch === "ask" || person.watch === "present") && !person.watched;

/** The one grown-up by name; several are "your grown-up". */
export function whoIsAsked() {
  const [one, ...more] = known.home?.grown_ups ?? [];
  return one && more.length === 0 ? one.name : words("grown-up.mine");
}

/** Whom this screen has asked about, so that an answer that is not a yes can be told from never having asked. @type {Set<string>} */
const asked = new Set();

/** @param {string} ref */
export async function askGrownUp(ref) {
  await post(`/api/child/people/${encodeURIComponent(ref)}/ask`);
  asked.add(ref);
  await refresh();
}

export class RfAskFirst extends View {
  ref = "";
  #stuck = false;
  #was = "";

  constructor() {
    super();
    onPress(this, { ask: () => void this.#ask() });
  }

  async #ask() {
    try {
      await askGrownUp(this.ref);
      this.#stuck = false;
    } catch {
      this.#stuck = true;
    }
    this.update();
  }

  /** @param {Person} person @returns {"first" | "asked" | "no"} */
  #state(person) {
    if (person.asked) {
      asked.add(person.ref);
      return "asked";
    }
    return asked.has(person.ref) ? "no" : "first";
  }

  /** @override */
  update() {
    super.update();
    const person = personOf(this.ref);
    const state = person ? this.#state(person) : "";
    if (this.#was && this.#was !== state && this.isConnected) arrive();
    this.#was = state;
  }

  disconnectedCallback() {
    // a no has been read: the next time it is a new question
    const person = personOf(this.ref);
    if (!person?.asked) asked.delete(this.ref);
  }

  /** @override */
  draw() {
    const person = personOf(this.ref);
    if (!person) return html``;
    const fill = { name: person.name, who: whoIsAsked() };
    const state = this.#state(person);
    const title = words(state === "asked" ? "first.asked-title" : state === "no" ? "first.no-title" : "first.title", fill);
    const lead = state === "no" ? words("first.no", fill)
      : state === "asked" ? words(person.watch === "present" ? "first.asked-present" : "first.asked", fill)
      : words(person.watch === "present" ? "first.present" : "first.ask", fill);
    return html`<main id="main" class="middle">
      <div class="rails"><div class="post big ${ground(person.ground)} ${state === "asked" ? "waits" : ""}" aria-hidden="true">${avatar(person.avatar)}</div></div>
      <h1 tabindex="-1">${title}</h1><rf-read class="corner"></rf-read><p class="lead">${lead}</p>
      ${this.#stuck ? html`<p class="panel" role="alert" data-key="stuck">${words("home.stuck")}</p>` : null}
      <div class="answers">${state === "asked" ? null : html`<button type="button" class="button" data-do="ask" data-key="ask">${icon("hand")}<span>${words(state === "no" ? "first.again" : "first.go")}</span></button>`}<a
        class="button" href="#/" data-key="back">${icon("back")}<span>${words("look.no")}</span></a></div>
      <a class="link" href="#/block/${person.ref}" data-key="block">${words("block.link", fill)}</a></main>${dock("")}`;
  }
}

customElements.define("rf-ask-first", RfAskFirst);
