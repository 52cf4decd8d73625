/** The decision log: what was asked, what was said, by which rules. No row knows anybody; only what a rule could see. */
import { html } from "../../shared/html.js";
import { chip } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { look } from "../known.js";
import { momentOf, named, nothing, Page, pageOf, ruleLink, select } from "../page.js";
import { here, keepAsked } from "../route.js";

/** @typedef {import("../facts.js").Decided} Decided */

class Decisions extends Page {
  /** Where each earlier page began, so that one can go back. @type {string[]} */ #trail = [];

  constructor() {
    super();
    onPress(this, {
      clear: () => this.#ask({}),
      older: (control) => {
        this.#trail.push(here().asked.get("before") ?? "");
        this.#ask({ ...this.#filters(), before: control.dataset.before ?? "" });
      },
      newer: () => this.#ask({ ...this.#filters(), before: this.#trail.pop() ?? "" }),
    });
    this.addEventListener("change", () => {
      this.#trail = [];
      this.#ask(Object.fromEntries([...this.querySelectorAll("select")].map((one) => [one.name, one.value])));
    });
  }

  #filters() {
    const { asked } = here();
    return { rule: asked.get("rule") ?? "", verb: asked.get("verb") ?? "", verdict: asked.get("verdict") ?? "" };
  }

  /** @param {Record<string, string>} asked */
  #ask(asked) {
    keepAsked(asked);
    this.update();
    say(words("decisions.looked"));
  }

  /** @override */
  draw() {
    const filters = this.#filters();
    const before = here().asked.get("before") ?? "";
    const query = new URLSearchParams(Object.entries({ ...filters, before }).filter(([, value]) => value)).toString();
    const rules = look("rules")?.rules.map((rule) => rule.id) ?? [];
    const verbs = look("situations")?.verbs.map((one) => one.verb) ?? [];
    /** @param {string[]} all @param {string} chosen */
    const choices = (all, chosen) => [...new Set([...all, ...(chosen ? [chosen] : [])])].sort();
    const form = html`<div class="filters" data-key="filters" role="search" aria-label="${words("filter")}">
      ${select({ id: "rule", label: words("decisions.by-rule"), all: words("decisions.all-rules"), chosen: filters.rule, choices: choices(rules, filters.rule).map((value) => ({ value, words: value })) })}
      ${select({ id: "verb", label: words("rules.by-verb"), all: words("rules.all-verbs"), chosen: filters.verb, choices: choices(verbs, filters.verb).map((value) => ({ value, words: named("verb", value) })) })}
      ${select({ id: "verdict", label: words("decisions.by-verdict"), all: words("decisions.all-verdicts"), chosen: filters.verdict, choices: ["allow", "deny"].map((value) => ({ value, words: words(`said.${value}`) })) })}</div>`;
    return pageOf("decisions", "decisions", ({ decisions, next, listed_from }) => html`${form}
      ${decisions.length === 0 ? html`${nothing(words("decisions.none"))}<p><button class="button" type="button" data-do="clear">${words("filter.clear")}</button></p>` : html`<table class="register panel log"><caption class="hidden-words">${words("decisions.title")}</caption>
        <thead><tr><th scope="col">${words("decisions.when")}</th><th scope="col">${words("decisions.asked")}</th><th scope="col">${words("decisions.said")}</th><th scope="col">${words("decisions.rules")}</th></tr></thead>
        <tbody>${decisions.map((one) => this.#row(one))}</tbody></table>`}
      <p class="second below">${words(listed_from > 1 ? "decisions.note" : "decisions.note-demo", { n: listed_from })}</p><p class="buttons">${before ? html`<button class="button" type="button" data-do="newer" data-key="newer">${words("decisions.newer")}</button>` : null}${next ? html`<button class="button" type="button" data-do="older" data-before="${next}" data-key="older">${words("decisions.older")}</button>` : null}</p>`, query ? `?${query}` : "");
  }

  /** @param {Decided} one */
  #row(one) {
    return html`<tr data-key="${one.at} ${one.seq}"><th scope="row">${momentOf(one.at)}</th><td data-head="${words("decisions.asked")}">${named("verb", one.verb)}</td>
      <td data-head="${words("decisions.said")}">${chip(one.verdict === "allow" ? "ok" : "stop", one.verdict === "allow" ? "tick" : "no", words(`said.${one.verdict}`))}</td>
      <td data-head="${words("decisions.rules")}"><ul class="proofs">${one.rules.map((id) => html`<li>${ruleLink(id)}</li>`)}</ul></td></tr>`;
  }
}

customElements.define("rf-decisions", Decisions);
