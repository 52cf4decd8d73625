/** The measures register: every measure of every code that we know, by its id, with how it stands in law and what we can show for it. */
import { html } from "../../shared/html.js";
import { onPress } from "../../shared/press.js";
import { say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { begun, inLine, lawChip, named, nothing, Page, pageOf, proofChip, ruleLink, select, shortDate } from "../page.js";
import { here, keepAsked, to } from "../route.js";
import { OUTCOMES } from "./promises.js";
import { LAW } from "./rules.js";

/** @typedef {import("../facts.js").Measure} Measure */
/** @typedef {"code" | "status" | "date" | "proof"} Column */

/** @type {Column[]} */
const COLUMNS = ["code", "status", "date", "proof"];

/** What a column sorts by. @type {Record<Column, (measure: Measure) => string>} */
const KEYS = {
  code: (measure) => `${measure.code} ${measure.id}`,
  status: (measure) => String(LAW.findIndex((one) => one === measure.status)),
  date: (measure) => measure.since,
  proof: (measure) => (measure.promises.length === 0 ? "0" : String(1 + Math.min(...measure.promises.map((one) => OUTCOMES.indexOf(one.outcome))))),
};

/** How the least proven of a measure's promises stands: a measure is as well shown as that one. @param {Measure} measure */
const worstOf = (measure) => OUTCOMES.find((outcome) => measure.promises.some((one) => one.outcome === outcome)) ?? "not_proven";

/** A law's date may be a day, a month or only a year. @param {string} date */
const sinceOf = (date) => (date.length === 10 ? shortDate(date) : date.length === 7 ? shortDate(`${date}-01`).replace(/^1 /, "") : date);

class Measures extends Page {
  constructor() {
    super();
    onPress(this, {
      clear: () => this.#ask({ code: "", status: "" }),
      sort: (control) => {
        const asked = here().asked;
        const column = control.dataset.column ?? "code";
        const down = (asked.get("by") ?? "code") === column && asked.get("down") !== "yes";
        this.#ask({ by: column, down: down ? "yes" : "" });
      },
    });
    this.addEventListener("change", () => this.#ask(Object.fromEntries([...this.querySelectorAll("select")].map((one) => [one.name, one.value]))));
  }

  /** @param {Record<string, string>} more */
  #ask(more) {
    keepAsked({ ...Object.fromEntries(here().asked), ...more });
    this.update();
    say(words("measures.shown", { n: this.querySelectorAll("tbody tr").length }));
  }

  /** @override */
  draw() {
    const { asked } = here();
    return pageOf("measures", "measures", ({ measures }) => {
      const code = asked.get("code") ?? "";
      const status = asked.get("status") ?? "";
      const by = COLUMNS.find((one) => one === asked.get("by")) ?? "code";
      const down = asked.get("down") === "yes";
      const shown = measures.filter((one) => (!code || one.code === code) && (!status || one.status === status))
        .sort((a, b) => (down ? -1 : 1) * KEYS[by](a).localeCompare(KEYS[by](b), "en", { numeric: true }) || KEYS.code(a).localeCompare(KEYS.code(b), "en", { numeric: true }));
      const codes = [...new Set(measures.map((one) => one.code))];
      /** @param {Column} column @param {string} label */
      const head = (column, label) => html`<th scope="col" ${by === column ? html`aria-sort="${down ? "descending" : "ascending"}"` : null}><button type="button" data-do="sort" data-again data-column="${column}">${label}<span class="sort" aria-hidden="true"></span></button></th>`;
      return html`<div class="filters" role="search" aria-label="${words("filter")}">
          ${select({ id: "code", label: words("measures.by-code"), all: words("rules.all-codes"), chosen: code, choices: codes.map((value) => ({ value, words: named("code", value) })) })}
          ${select({ id: "status", label: words("measures.by-status"), all: words("measures.all-status"), chosen: status, choices: LAW.map((value) => ({ value, words: named("law", value) })) })}</div>
        <p class="shown">${words("measures.count", { n: shown.length, all: measures.length })}</p>
        ${shown.length === 0 ? html`${nothing(words("measures.none"))}<p><button class="button" type="button" data-do="clear">${words("filter.clear")}</button></p>` : html`<table class="register panel"><caption class="hidden-words">${words("measures.title")}</caption>
          <thead><tr>${head("code", words("measures.id"))}<th scope="col">${words("measures.says")}</th>${head("status", words("measures.status"))}${head("date", words("measures.date"))}${head("proof", words("measures.proof"))}</tr></thead>
          <tbody>${shown.map((one) => html`<tr data-key="${one.code} ${one.id}"><th scope="row"><span class="code">${one.id}</span><span class="second">${named("code", one.code)}</span></th>
            <td data-head="${words("measures.says")}">${begun(one.says)}${one.unverified ? html` <span class="second">${words("unverified")}</span>` : null}</td><td data-head="${words("measures.status")}">${lawChip(one.status)}</td><td data-head="${words("measures.date")}">${sinceOf(one.since)}</td>
            <td data-head="${words("measures.proof")}">${one.promises.length === 0 ? null : html`<p>${proofChip(worstOf(one))}</p><p>${inLine(one.promises.map((promise) => html`<a href="${to("promises", promise.id)}">${promise.id}</a>`))}</p>`}${one.rules.length === 0 ? null : html`<details><summary>${words("measures.rules", { n: one.rules.length })}</summary><p>${inLine(one.rules.map(ruleLink))}</p></details>`}</td></tr>`)}</tbody></table>`}`;
    });
  }
}

customElements.define("rf-measures", Measures);
