/** Every promise, to whom it is made, and whether it is proven. Not proven is said plainly and stands first. */
import { html } from "../../shared/html.js";
import { withoutName } from "../../promises/sentence.js";
import { onPress } from "../../shared/press.js";
import { say } from "../../shared/say.js";
import { listed, words } from "../../shared/words.js";
import { begun, dateOf, inLine, named, nothing, Page, pageOf, proofChip, ruleLink, select } from "../page.js";
import { here, keepAsked, to } from "../route.js";
import { look } from "../known.js";
import { lawOf, sourcesOf } from "./rules.js";

/** @typedef {import("../facts.js").Promised} Promised */
/** @typedef {import("../facts.js").Outcome} Outcome */

/** Worst first: what a tired reader must not miss. @type {Outcome[]} */
export const OUTCOMES = ["broken", "not_proven", "proven"];
/** @type {Promised["to"]} */
export const READERS = ["child", "parent", "regulator"];

/** "Proven on 26 November 2026." or why not. @param {Promised} promise */
export const proofLine = ({ proof }) => words(`promises.${proof.outcome}`, { date: proof.at === null ? words("promises.never") : dateOf(proof.at), why: proof.why });

/** How many of them stand how. @param {Promised[]} promises @param {Outcome} outcome */
export const countOf = (promises, outcome) => promises.filter((one) => one.proof.outcome === outcome).length;

/** A test is named as a true sentence: "tests/unit/test_x.py::test_a_ring_rings[case]" is read as "A ring rings: case", and where it is. @param {string} test */
function testOf(test) {
  const [file = "", name = ""] = test.split("::");
  const [said = "", given = ""] = name.replace(/^test_/, "").replace(/\]$/, "").split("[");
  return html`<li><span>${begun(said.replaceAll("_", " "))}${given ? `: ${given.replaceAll(/[_-]/g, " ")}` : null}.</span> <span class="code second">${file}</span></li>`;
}

class Promises extends Page {
  constructor() {
    super();
    onPress(this, { clear: () => this.#ask({}) });
    this.addEventListener("change", () => this.#ask(Object.fromEntries([...this.querySelectorAll("select")].map((one) => [one.name, one.value]))));
  }

  /** @param {Record<string, string>} asked */
  #ask(asked) {
    keepAsked(asked);
    this.update();
    say(words("promises.shown", { n: this.querySelectorAll(".promise-row").length }));
  }

  /** @param {Promised} promise @param {boolean} alone */
  #row(promise, alone) {
    return html`<article class="promise-row panel ${promise.proof.outcome}" data-key="${promise.id}">
      ${alone ? null : html`<h2><a href="${to("promises", promise.id)}">${promise.sentence}</a></h2>`}
      <p class="rule-line">${proofChip(promise.proof.outcome)}<span class="code">${promise.id}</span><span class="second">${words("promises.to", { readers: listed(promise.to.map((reader) => words(`reader.${reader}`))) })}</span></p>
      <p>${proofLine(promise)}</p>${promise.not_shown ? html`<p class="second">${words("promises.limit", { what: promise.not_shown })}</p>` : null}
      ${promise.child ? html`<p class="to-child"><span class="second">${words("rules.child")}</span> <q>${withoutName(promise.child, words("somebody"))}</q></p>` : null}
      ${alone ? sourcesOf(promise.sources) : lawOf(promise.sources)}
      ${alone ? html`<dl class="facts wide">
        ${promise.rules.length > 0 ? html`<div><dt>${words("promises.rules")}</dt><dd>${inLine(promise.rules.map(ruleLink))}</dd></div>` : null}
        ${promise.scenarios.length > 0 ? html`<div><dt>${words("promises.scenarios")}</dt><dd>${promise.scenarios.map((id) => named("scenario", id)).join(", ")}</dd></div>` : null}
        ${promise.tests.length > 0 ? html`<div><dt>${words("promises.tests")}</dt><dd><ul class="tests">${promise.tests.map(testOf)}</ul></dd></div>` : null}</dl>` : null}</article>`;
  }

  /** @override */
  draw() {
    const { parts, asked } = here();
    const one = parts[0] ? look("promises")?.promises.find((promise) => promise.id === parts[0]) : undefined;
    if (one) return html`<a class="link back" href="${to("promises")}" data-key="back">${words("promises.back")}</a><h1 tabindex="-1">${one.sentence}</h1>${this.#row(one, true)}`;
    return pageOf("promises", "promises", ({ promises }) => {
      const reader = asked.get("reader") ?? "";
      const state = asked.get("state") ?? "";
      const shown = OUTCOMES.flatMap((one) => promises.filter((promise) => promise.proof.outcome === one)).filter((promise) => (!reader || READERS.some((one) => one === reader && promise.to.includes(one))) && (!state || promise.proof.outcome === state));
      return html`<div class="filters" role="search" aria-label="${words("filter")}">
          ${select({ id: "reader", label: words("promises.by-reader"), all: words("promises.all-readers"), chosen: reader, choices: READERS.map((value) => ({ value, words: words(`reader.${value}`) })) })}
          ${select({ id: "state", label: words("promises.by-state"), all: words("promises.all-states"), chosen: state, choices: OUTCOMES.map((value) => ({ value, words: words(`proof.${value}`) })) })}</div>
        <p class="shown">${words("promises.count", { n: shown.length, all: promises.length })}</p>
        ${shown.length === 0 ? html`${nothing(words("promises.none"))}<p><button class="button" type="button" data-do="clear">${words("filter.clear")}</button></p>` : shown.map((promise) => this.#row(promise, false))}`;
    });
  }
}

customElements.define("rf-promises", Promises);
