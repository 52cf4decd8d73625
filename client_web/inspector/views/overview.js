/** The first page: how much is proven, as one fence; when it was last tried; whether the record is whole; and what to do next. */
import { html } from "../../shared/html.js";
import { icon } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { words } from "../../shared/words.js";
import { barChart } from "../chart.js";
import { faultOf, look } from "../known.js";
import { momentOf, Page, proofChip, runChip, stuck, waiting } from "../page.js";
import { to } from "../route.js";
import { countOf, OUTCOMES, proofLine, READERS } from "./promises.js";

/** @typedef {import("../facts.js").Promised} Promised */

/** As many as can be read at a glance; the others are a link away. */
const SHOWN = 6;

class Overview extends Page {
  constructor() {
    super();
    onPress(this, { past: () => document.getElementById("next")?.focus() });
  }

  /** One post for each promise: a green one is proven, a dashed one is not, one with a flat top and a cross is broken. @param {Promised[]} promises */
  #fence(promises) {
    const sorted = [...OUTCOMES].reverse().flatMap((outcome) => promises.filter((one) => one.proof.outcome === outcome));
    return html`<a class="button skip" href="#next" data-do="past" data-key="past">${words("overview.past")}</a>
      <ul class="promise-fence">${sorted.map((one) => html`<li data-key="${one.id}"><a class="${one.proof.outcome}" href="${to("promises", one.id)}" title="${one.sentence}"><span class="hidden-words">${one.sentence} ${words(`proof.${one.proof.outcome}`)}</span></a></li>`)}</ul>
      <p class="legend second" aria-hidden="true">${[...OUTCOMES].reverse().map((outcome) => html`<span><i class="${outcome}"></i>${words(`proof.${outcome}`)}</span>`)}</p>`;
  }

  /** Of the promises to each reader, how many are proven. @param {Promised[]} promises */
  #readers(promises) {
    return barChart({ title: words("overview.by-reader"), what: words("overview.to"), count: words("proof.proven"), most: 100, bars: READERS.map((reader) => {
      const own = promises.filter((one) => one.to.includes(reader));
      return { label: words(`overview.${reader}`), value: (100 * countOf(own, "proven")) / Math.max(1, own.length), words: words("overview.proven-of", { n: countOf(own, "proven"), all: own.length }) };
    }) });
  }

  /** Not known, and said so, is better than an empty plate. @param {"inspections" | "record"} source */
  #unknown(source) {
    return faultOf(source) ? html`<p class="second">${words("overview.unknown")}</p>` : html`<p class="second loading">${words("loading")}</p>`;
  }

  #last() {
    const last = look("inspections")?.inspections[0];
    if (!last) return look("inspections") ? html`<p>${words("overview.never")}</p>` : this.#unknown("inspections");
    return html`<p><a href="${to("inspection", last.id)}">${momentOf(last.begun_at)}</a></p><p>${last.outcome ? runChip(last.outcome) : words("inspection.goes-on")}</p>`;
  }

  #record() {
    const record = look("record");
    if (!record) return this.#unknown("record");
    return html`<p class="${record.whole ? "" : "broken-line"}">${icon(record.whole ? "tick" : "no")}<span>${words(record.whole ? "overview.whole" : "overview.not-whole")}</span></p><p><a href="${to("record")}">${words("overview.chains", { n: record.chains })}</a></p>`;
  }

  /** @override */
  draw() {
    const promises = look("promises")?.promises;
    const fault = faultOf("promises");
    const head = html`<h1 tabindex="-1">${words("overview.title")}</h1><p class="lead">${words("overview.lead")}</p>`;
    if (!promises) return html`${head}${fault ? stuck(fault) : waiting()}`;
    const open = OUTCOMES.filter((outcome) => outcome !== "proven").flatMap((outcome) => promises.filter((one) => one.proof.outcome === outcome));
    return html`${head}
      <section class="panel state" data-key="state"><p class="state-line">${words("overview.state", { all: promises.length, proven: countOf(promises, "proven"), not: countOf(promises, "not_proven") })}
        ${countOf(promises, "broken") > 0 ? html`<span class="broken-line">${words("overview.broken", { n: countOf(promises, "broken") })}</span>` : null}</p>${this.#fence(promises)}${this.#readers(promises)}</section>
      <div class="three-facts" data-key="facts"><section class="panel"><h2>${words("overview.last")}</h2>${this.#last()}</section><section class="panel"><h2>${words("overview.record")}</h2>${this.#record()}</section>
        <section class="panel" id="next" tabindex="-1"><h2>${words("overview.next")}</h2><ol class="next-steps"><li><a href="${to("rules")}">${words("overview.next-rules")}</a></li><li><a href="${to("situation")}">${words("overview.next-try")}</a></li><li><a href="${to("inspection")}">${words("overview.next-run")}</a></li><li><a href="${to("pack")}">${words("overview.next-pack")}</a></li></ol></section></div>
      ${open.length === 0 ? null : html`<h2 class="part">${words("overview.open")}</h2><ul class="plain-list panel">${open.slice(0, SHOWN).map((one) => html`<li data-key="${one.id}"><p><a href="${to("promises", one.id)}">${one.sentence}</a></p>${proofChip(one.proof.outcome)}<p class="second">${proofLine(one)}</p></li>`)}</ul>${open.length > SHOWN ? html`<p><a class="link" href="${to("promises")}">${words("overview.all-open", { n: open.length })}</a></p>` : null}`}`;
  }
}

customElements.define("rf-overview", Overview);
