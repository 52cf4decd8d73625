/** The safe account, rule by rule: both sentences, the law and how it stands, the condition as the engine reads it. And one rule alone. */
import { html } from "../../shared/html.js";
import { chip } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { look } from "../known.js";
import { begun, lawChip, named, nothing, Page, pageOf, proofChip, select } from "../page.js";
import { here, keepAsked, to } from "../route.js";

/** @typedef {import("../../shared/html.js").Markup} Markup */
/** @typedef {import("../facts.js").Rule} Rule */
/** @typedef {import("../facts.js").Cited} Cited */
/** @typedef {import("../facts.js").Age} Age */

/** How a law can stand, the hardest first. @type {import("../facts.js").LawStatus[]} */
export const LAW = ["in_force", "proposed", "announced", "ours"];

/** What a rule cites, each with how it stands in law. @param {Cited[]} sources */
export const sourcesOf = (sources) => html`<ul class="sources">${sources.map((one) => html`<li><span class="code">${one.id}</span><span class="source-says">${begun(one.says)}${one.unverified ? html` <span class="second">${words("unverified")}</span>` : null}</span>${lawChip(one.status)}</li>`)}</ul>`;

/** @param {string[]} all */
const sorted = (all) => [...new Set(all)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

/** The same in short: which of them are law, which are proposed or announced, and which are our own choice. @param {Cited[]} sources */
export const lawOf = (sources) => html`<ul class="law">${LAW.map((status) => ({ status, ids: sources.filter((one) => one.status === status).map((one) => one.id) })).filter(({ ids }) => ids.length > 0).map(({ status, ids }) => html`<li>${lawChip(status)}<span class="code">${ids.join(", ")}</span></li>`)}</ul>`;

/** A value of an age band in words. @param {import("../facts.js").Value} value */
const told = (value) => (typeof value === "boolean" ? words(value ? "yes" : "no") : value === "" || value === 0 ? words("age.none") : typeof value === "number" ? String(value) : named("value", value));

class Rules extends Page {
  constructor() {
    super();
    onPress(this, { clear: () => this.#ask({}) });
    this.addEventListener("change", () => {
      const asked = Object.fromEntries([...this.querySelectorAll("select")].map((one) => [one.name, one.value]));
      this.#ask(asked);
    });
  }

  /** @param {Record<string, string>} asked */
  #ask(asked) {
    keepAsked(asked);
    this.update();
    say(words("rules.shown", { n: this.querySelectorAll(".rule").length }));
  }

  /** @param {Rule} rule @param {boolean} alone */
  #rule(rule, alone) {
    const kind = chip(rule.effect === "permit" ? "ok" : "stop", rule.effect === "permit" ? "tick" : "no", words(`effect.${rule.effect}`));
    const heading = alone ? null : html`<h2><a href="${to("rules", rule.id)}">${rule.grown_up}</a></h2>`;
    return html`<article class="rule panel" data-key="${rule.id}">${heading}
      <p class="rule-line">${kind}<span class="code">${rule.id}</span></p>
      <p class="to-child"><span class="second">${words("rules.child")}</span> <q>${rule.child}</q></p>
      ${alone ? sourcesOf(rule.sources) : lawOf(rule.sources)}
      <details ${alone ? html`open` : null}><summary>${words("rules.condition")}</summary>
        ${rule.verbs.length > 0 ? html`<p class="second">${words("rules.verbs")} ${rule.verbs.map((verb) => named("verb", verb)).join(", ")}.</p>` : null}
        ${rule.condition ? html`<pre><code>${rule.condition}</code></pre>` : html`<p>${words("rules.built-in")}</p>`}</details></article>`;
  }

  /** What is set for an age. The rules are the same for every age; what they hold a call against is not. @param {string} band @param {Age[]} ages */
  #age(band, ages) {
    return html`<section class="panel age" data-key="age"><h2>${words("rules.age", { band: named("value", band) })}</h2><p class="second">${words("rules.age-lead")}</p>
      <dl class="facts wide">${ages.map((one) => html`<div><dt>${named("age", one.what)}</dt><dd><b>${told(one.value)}</b> <span class="second">${one.why} (${one.source})</span></dd></div>`)}</dl></section>`;
  }

  /** @param {Rule} rule */
  #alone(rule) {
    const promises = look("promises")?.promises.filter((one) => one.rules.includes(rule.id)) ?? [];
    const verb = rule.verbs[0];
    return html`<a class="link back" href="${to("rules")}" data-key="back">${words("rules.back")}</a><h1 tabindex="-1">${rule.grown_up}</h1>${this.#rule(rule, true)}
      ${promises.length > 0 ? html`<h2 class="part">${words("rules.promises")}</h2><ul class="plain-list panel">${promises.map((one) => html`<li><a href="${to("promises", one.id)}">${one.sentence}</a>${proofChip(one.proof.outcome)}</li>`)}</ul>` : null}
      <p class="buttons">${verb ? html`<a class="button" href="${to("situation")}?verb=${verb}">${words("rules.try")}</a>` : null}<a class="button" href="${to("decisions")}?rule=${rule.id}">${words("rules.decisions")}</a></p>`;
  }

  /** @override */
  draw() {
    const { parts, asked } = here();
    const id = parts[0];
    const one = id ? look("rules")?.rules.find((rule) => rule.id === id) : undefined;
    if (one) return this.#alone(one);
    return pageOf("rules", "rules", ({ rules, rulebook, ages }) => {
      const code = asked.get("code") ?? "";
      const verb = asked.get("verb") ?? "";
      const band = asked.get("band") ?? "";
      const shown = rules.filter((rule) => (!code || rule.sources.some((source) => source.code === code)) && (!verb || rule.verbs.includes(verb)));
      const codes = sorted(rules.flatMap((rule) => rule.sources.map((source) => source.code)));
      const verbs = sorted(rules.flatMap((rule) => rule.verbs));
      const bands = [...new Set(ages.map((one) => one.band))];
      return html`<div class="filters" role="search" aria-label="${words("filter")}">
          ${select({ id: "code", label: words("rules.by-code"), all: words("rules.all-codes"), chosen: code, choices: codes.map((value) => ({ value, words: named("code", value) })) })}
          ${select({ id: "verb", label: words("rules.by-verb"), all: words("rules.all-verbs"), chosen: verb, choices: verbs.map((value) => ({ value, words: named("verb", value) })) })}
          ${select({ id: "band", label: words("rules.by-band"), all: words("rules.all-bands"), chosen: band, choices: bands.map((value) => ({ value, words: named("value", value) })) })}</div>
        ${band ? this.#age(band, ages.filter((one) => one.band === band)) : null}
        <p class="shown">${words("rules.count", { n: shown.length, all: rules.length })} <span class="second">${words("rulebook", { version: rulebook })}</span></p>
        ${shown.length === 0 ? html`${nothing(words("rules.none"))}<p><button class="button" type="button" data-do="clear">${words("filter.clear")}</button></p>` : shown.map((rule) => this.#rule(rule, false))}`;
    });
  }
}

customElements.define("rf-rules", Rules);
