/**
 * Try a situation: choose what is asked, switch the facts, and see what the rules say: the same rules, in the same process, that run the service.
 *
 * The address carries the situation (only what differs from the good start), so that it can be sent to a colleague. Every fact that would
 * turn the answer by itself is a button that turns it.
 */
import { ApiFault, post } from "../../shared/api.js";
import { html } from "../../shared/html.js";
import { gateSwitch, icon } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { API, look } from "../known.js";
import { named, Page, pageOf, ruleLink, stuck } from "../page.js";
import { here, keepAsked } from "../route.js";
import { lawOf } from "./rules.js";

/** @typedef {import("../../shared/html.js").Markup} Markup */
/** @typedef {import("../facts.js").Value} Value */
/** @typedef {import("../facts.js").Situation} Situation */
/** @typedef {import("../facts.js").Judged} Judged */
/** @typedef {import("../facts.js").Turn} Turn */

const FIRST = "ring";
/** In which order the parts of a question are shown. */
const PARTS = ["x", "y", "contact", "call", "matter", "stage", "case"];
/** Verbs by what they are about, as they are listed to choose from. @type {Record<string, (situation: Situation) => boolean>} */
const GROUPS = {
  reach: ({ facts }) => "call.live" in facts,
  stage: ({ facts }) => "stage.live" in facts,
  case: ({ facts }) => "case.open" in facts,
  act: ({ facts }) => "matter.whose" in facts,
};

/** A fact's value as it is sent, from how it stands in an address or a select. @param {string} text @param {readonly Value[]} values */
const valueOf = (text, values) => values.find((value) => String(value) === text);

/** What a value is called: yes and no, a known word, a number. @param {string} fact @param {Value} value */
const told = (fact, value) => (typeof value === "boolean" ? words(value ? "yes" : "no") : typeof value === "number" ? (fact.startsWith("contact.assurance") ? words("sure", { n: value, says: named("sure", String(value)) }) : String(value)) : named("value", value));

/** What a fact is called. X and Y have the same facts, so the part stands in the heading above. @param {string} fact */
const factWords = (fact) => named("fact", /^[xy]\./.test(fact) ? `person${fact.slice(1)}` : fact);

/** A fact away from its heading needs to say whose it is. @param {string} fact */
const wholeFact = (fact) => words("fact.whole", { part: words(`part.${fact.split(".")[0]}`), fact: factWords(fact) });

class TrySituation extends Page {
  /** @type {Judged | null} */ #judged = null;
  /** @type {ApiFault | null} */ #fault = null;
  #asked = "";
  #turn = 0;

  constructor() {
    super();
    onPress(this, {
      set: (control) => this.#set(control.dataset.fact ?? "", control.dataset.value ?? ""),
      fact: (control) => this.#set(control.id, String(/** @type {HTMLInputElement} */ (control).checked)),
      start: () => this.#ask({ verb: this.#verb }),
    });
    this.addEventListener("change", (event) => {
      if (!(event.target instanceof HTMLSelectElement)) return;
      if (event.target.id === "verb") this.#ask({ verb: event.target.value });
      else this.#set(event.target.id, event.target.value);
    });
  }

  get #verb() {
    const verbs = look("situations")?.verbs ?? [];
    const wanted = here().asked.get("verb") ?? FIRST;
    return verbs.some((one) => one.verb === wanted) ? wanted : FIRST;
  }

  /** The situation of the address: the good start of its verb, and what was changed. @returns {Record<string, Value>} */
  #facts() {
    const situation = look("situations")?.verbs.find((one) => one.verb === this.#verb);
    /** @type {Record<string, Value>} */
    const facts = { ...situation?.start };
    for (const [fact, text] of here().asked) {
      const value = valueOf(text, situation?.facts[fact] ?? []);
      if (value !== undefined) facts[fact] = value;
    }
    return facts;
  }

  /** @param {string} fact @param {string} value */
  #set(fact, value) {
    const { asked } = here();
    const start = look("situations")?.verbs.find((one) => one.verb === this.#verb)?.start ?? {};
    const next = { verb: this.#verb, ...Object.fromEntries(asked), [fact]: value };
    if (String(start[fact]) === value) delete (/** @type {Record<string, string>} */ (next))[fact];
    this.#ask(next);
  }

  /** @param {Record<string, string>} asked */
  #ask(asked) {
    keepAsked(asked);
    this.update();
  }

  /** @override */
  update() {
    super.update();
    if (!look("situations")) return;
    const question = JSON.stringify({ verb: this.#verb, facts: this.#facts() });
    if (question === this.#asked) return;
    const first = this.#asked === "";
    this.#asked = question;
    void this.#judge(question, first);
  }

  /** @param {string} question @param {boolean} first */
  async #judge(question, first) {
    const turn = ++this.#turn;
    try {
      const judged = await post(`${API}/situation`, JSON.parse(question));
      if (turn !== this.#turn) return;
      this.#judged = judged;
      this.#fault = null;
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      if (turn !== this.#turn) return;
      this.#judged = null;
      this.#fault = fault;
    }
    this.update();
    if (!first && this.#judged) say(`${words(`verdict.${this.#judged.verdict}`)}. ${this.#judged.rules.map((rule) => rule.grown_up).join(" ")}`);
  }

  /** One fact: yes or no as a switch, anything else as a list. @param {string} fact @param {readonly Value[]} values @param {Value | undefined} now */
  #control(fact, values, now) {
    if (typeof now === "boolean") return html`<div class="fact" data-key="${fact}">${gateSwitch({ id: fact, label: factWords(fact), on: now, words: { on: words("yes"), off: words("no") }, deed: "fact" })}</div>`;
    return html`<div class="fact field" data-key="${fact}"><label for="${fact}">${factWords(fact)}</label><select id="${fact}">${values.map((value) => html`<option value="${String(value)}" ${value === now ? html`selected` : null}>${told(fact, value)}</option>`)}</select></div>`;
  }

  /** A gate in a fence: the rules that decided are its posts. @param {Judged} judged */
  #gate(judged) {
    const open = judged.verdict === "allow";
    const { turns } = judged;
    return html`<div class="gate ${open ? "open" : "shut"}" aria-hidden="true"><i></i><i></i><b></b><b></b><i></i><i></i></div>
      <p class="verdict">${icon(open ? "tick" : "no")}<span>${words(`verdict.${judged.verdict}`)}</span></p>
      <h3>${words("situation.why")}</h3><ol class="why">${judged.rules.map((rule) => html`<li data-key="${rule.id}"><p><b>${rule.grown_up}</b></p><p class="second">${words("rules.child")} <q>${rule.child}</q></p><p>${ruleLink(rule.id)}</p>${lawOf(rule.sources)}</li>`)}</ol>
      <h3>${words(open ? "situation.turns-shut" : "situation.turns-open")}</h3>
      ${turns.length === 0 ? html`<p>${words("situation.no-turn")}</p>` : html`<ul class="turns">${[...new Set(turns.map((one) => one.fact))].map((fact) => this.#turnsOf(fact, turns.filter((one) => one.fact === fact)))}</ul>`}`;
  }

  /** One fact that would turn the answer, how it is now, and a button for each value that would do it. @param {string} fact @param {Turn[]} turns */
  #turnsOf(fact, turns) {
    const now = turns[0] ? told(fact, turns[0].from) : "";
    return html`<li data-key="${fact}"><p>${wholeFact(fact)}<span class="second"> ${words("situation.now", { value: now })}</span></p><p class="turn-buttons">${turns.map((one) => html`<button class="button" type="button" data-key="${String(one.to)}" data-do="set" data-again data-fact="${fact}" data-value="${String(one.to)}"><span class="hidden-words">${wholeFact(fact)}: </span>${words("situation.make", { value: told(fact, one.to) })}</button>`)}</p></li>`;
  }

  /** @override */
  draw() {
    return pageOf("situation", "situations", ({ verbs, rulebook }) => {
      const verb = this.#verb;
      const situation = /** @type {Situation} */ (verbs.find((one) => one.verb === verb));
      const facts = this.#facts();
      const changed = [...here().asked.keys()].some((key) => key !== "verb");
      const parts = PARTS.filter((part) => Object.keys(situation.facts).some((fact) => fact.startsWith(`${part}.`)));
      const groups = Object.entries(GROUPS).map(([name, belongs]) => ({ name, verbs: verbs.filter(belongs) })).filter((group) => group.verbs.length > 0);
      return html`<div class="try"><div class="try-verb">
          <div class="field"><label for="verb">${words("situation.verb")}</label><select id="verb">${groups.map((group) => html`<optgroup label="${words(`verbs.${group.name}`)}">${group.verbs.map((one) => html`<option value="${one.verb}" ${one.verb === verb ? html`selected` : null}>${named("verb", one.verb)}</option>`)}</optgroup>`)}</select></div>
          <p class="buttons">${changed ? html`<button class="button" type="button" data-do="start" data-key="start">${words("situation.start")}</button>` : html`<span class="second" data-key="good">${words("situation.good")}</span>`}</p></div>
        <section class="panel answer" data-key="answer" aria-labelledby="answer"><h2 id="answer">${words("situation.answer")}</h2>${this.#fault ? stuck(this.#fault) : this.#judged ? this.#gate(this.#judged) : null}<p class="second">${words("rulebook", { version: rulebook })}</p></section>
        <div class="try-facts" data-key="facts">${parts.map((part) => html`<fieldset class="panel part-facts" data-key="${verb} ${part}"><legend>${words(`part.${part}`)}</legend>${Object.entries(situation.facts).filter(([fact]) => fact.startsWith(`${part}.`)).map(([fact, values]) => this.#control(fact, values, facts[fact]))}</fieldset>`)}
          ${this.#judged ? html`<p class="verdict-now ${this.#judged.verdict}" data-key="now" aria-hidden="true">${icon(this.#judged.verdict === "allow" ? "tick" : "no")}<span>${words(`verdict.${this.#judged.verdict}`)}</span></p>` : null}</div></div>`;
    });
  }
}

customElements.define("rf-situation", TrySituation);
