/**
 * Run the inspection and watch it: programs play made-up families and strangers, and try what must work and what must not. From the first
 * second it says what is being done: what is prepared, each story as it begins, and what it tries. A post stands up for each story that has
 * been told; what is said aloud is the first story, every fifth after it, and the end. A failed promise stays until it passes.
 */
import { ApiFault, get, post } from "../../shared/api.js";
import { html } from "../../shared/html.js";
import { icon } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { strip, table } from "../chart.js";
import { API, look, renew } from "../known.js";
import { momentOf, Page, proofChip, runChip, storyChip, stuck, waiting } from "../page.js";
import { go, here, to } from "../route.js";
import { OUTCOMES } from "./promises.js";

/** @typedef {import("../facts.js").Run} Run */
/** @typedef {import("../facts.js").Finding} Finding */

const LOOK_MS = 1000;
/** How many stories are told before one is said aloud. */
const SAID_EACH = 5;

class Inspection extends Page {
  /** @type {Run | null} */ #run = null;
  /** @type {ApiFault | null} */ #fault = null;
  #starting = false;
  /** How many stories had been told when it was last said aloud. */ #said = 0;
  /** It was seen running, so its end is news. */ #watched = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #next;

  constructor() {
    super();
    onPress(this, { run: () => void this.#start(), again: () => void this.#look() });
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    if (here().parts[0]) void this.#look();
  }

  disconnectedCallback() {
    clearTimeout(this.#next);
  }

  async #start() {
    if (this.#starting) return;
    this.#starting = true;
    this.update();
    try {
      const { id } = await post(`${API}/inspections`);
      say(`${words("inspection.started")} ${words("inspection.preparing")}`);
      go("inspection", id);
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      this.#fault = fault;
    }
    this.#starting = false;
    this.update();
  }

  async #look() {
    const id = here().parts[0];
    if (!id || !this.isConnected) return;
    try {
      this.#run = await get(`${API}/inspections/${encodeURIComponent(id)}`);
      this.#fault = null;
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      this.#fault = fault;
    }
    if (!this.isConnected) return;
    this.update();
    const run = this.#run;
    if (!run || this.#fault) return;
    if (run.done) {
      if (this.#watched) say(words(`inspection.over-${run.outcome ?? "not_proven"}`));
      void renew("promises");
      void renew("inspections");
      return;
    }
    const now = run.progress.length;
    if (now > 0 && (this.#said === 0 || now >= this.#said + SAID_EACH)) {
      this.#said = now;
      say(words("inspection.running", { n: run.progress.length, all: run.all }));
    }
    this.#watched = true;
    this.#next = setTimeout(() => void this.#look(), LOOK_MS);
  }

  /** @override */
  draw() {
    const id = here().parts[0];
    look("promises"); // the report names promises; their sentences stand here
    const run = id ? this.#run : null;
    const head = html`<h1 tabindex="-1">${words("inspection.title")}</h1><p class="lead">${words("inspection.lead")}</p>`;
    if (this.#fault) return html`${head}${this.#no(this.#fault)}${this.#button()}${this.#earlier()}`;
    if (!run) return html`${head}${id ? waiting() : html`${this.#button()}${this.#earlier()}`}`;
    return html`${head}${run.done ? this.#over(run) : this.#running(run)}`;
  }

  /** Why there is none to look at. @param {ApiFault} fault */
  #no(fault) {
    const why = { not_found: "inspection.gone", conflict: "inspection.busy", slow_down: "inspection.rest" }[fault.code];
    return why ? html`<p class="panel" role="status" data-key="no">${words(why, { n: Math.max(1, Math.ceil(fault.retryAfter / 60)) })}</p>` : stuck(fault);
  }

  #button() {
    return html`<p class="buttons" data-key="start"><button class="button go tall-go" type="button" data-do="run" ${this.#starting ? html`aria-disabled="true"` : null}>${icon("eye")}<span>${words(this.#starting ? "inspection.starting" : "inspection.run")}</span></button><span class="second">${words("inspection.takes")} ${words("inspection.rests")}</span></p>`;
  }

  #earlier() {
    const runs = look("inspections")?.inspections ?? [];
    return runs.length === 0 ? null : html`<section data-key="earlier"><h2 class="part">${words("inspection.earlier")}</h2><ul class="plain-list panel">${runs.map((run) => html`<li><a href="${to("inspection", run.id)}">${momentOf(run.begun_at)}</a>${run.outcome ? runChip(run.outcome) : html`<span class="second">${words("inspection.goes-on")}</span>`}</li>`)}</ul></section>`;
  }

  /** @param {Run} run */
  #running(run) {
    const told = run.progress.length;
    const begun = run.opened || told > 0 || run.now.length > 0;
    return html`<section class="panel" data-key="running" aria-busy="true"><h2>${begun ? words("inspection.running", { n: told, all: run.all }) : words("inspection.preparing")}</h2>
      ${begun ? null : html`<p data-key="preparing">${words("inspection.preparing-what")}</p>`}
      ${run.all > 0 ? this.#fence(run) : null}
      ${run.now.length === 0 ? null : html`<h3>${words("inspection.now")}</h3><ul class="progress now" data-key="now">${run.now.map((one) => html`<li data-key="${one.scenario}"><span><b>${one.title}</b><span class="second">${one.tried || words("inspection.making")}</span></span></li>`)}</ul>`}
      ${told === 0 ? null : html`<h3>${words("inspection.told")}</h3><ol class="progress told" reversed>${[...run.progress].reverse().map((line) => html`<li data-key="${line.scenario}"><span>${line.title}</span>${storyChip(line.outcome)}<span class="second n">${words("inspection.seconds", { n: Math.round(line.seconds) })}</span></li>`)}</ol>`}
      ${run.to_come.length === 0 ? null : html`<h3>${words("inspection.to-come")}</h3><ul class="progress to-come">${run.to_come.map((title) => html`<li><span>${title}</span></li>`)}</ul>`}</section>`;
  }

  /** A post for every story: told ones stand. @param {Run} run */
  #fence(run) {
    return html`<div class="small-fence" aria-hidden="true">${Array.from({ length: Math.max(run.all, run.progress.length) }, (_, n) => html`<i class="${run.progress[n]?.outcome ?? "waiting-post"}"></i>`)}</div>`;
  }

  /** @param {Run} run */
  #over(run) {
    const report = run.report;
    const address = `${API}/inspections/${encodeURIComponent(run.id)}/report`;
    return html`<section class="panel outcome ${run.outcome ?? ""}" data-key="over"><p class="verdict">${icon(run.outcome === "proven" ? "tick" : run.outcome === "broken" ? "no" : "wait")}<span>${words(`inspection.over-${run.outcome ?? "not_proven"}`)}</span></p>
        <p class="second">${words("inspection.at", { date: momentOf(run.begun_at) })}</p>${this.#fence(run)}
        ${report ? null : html`<p>${words("inspection.no-report")}</p>`}<p class="buttons">${report ? html`<a class="button go" href="${address}.html" target="_blank" rel="noopener">${words("inspection.html")}</a><a class="button" href="${address}.pdf">${words("inspection.pdf")}</a><a class="button" href="${address}.json">${words("inspection.json")}</a>` : null}<button class="button" type="button" data-do="run">${words("inspection.once-more")}</button></p></section>
      ${report ? html`<h2 class="part">${words("inspection.promises")}</h2>${table({ caption: words("inspection.promises"), head: [words("inspection.promise"), words("inspection.result")], rows: OUTCOMES.flatMap((outcome) => Object.entries(report.verdicts).filter(([, one]) => one === outcome)).map(([id, outcome]) => [html`<a href="${to("promises", id)}">${this.#sentence(id)}</a>`, proofChip(outcome)]) })}
        ${report.findings.some((one) => one.measured.length > 0) ? html`<h2 class="part">${words("inspection.measured")}</h2>${report.findings.flatMap((one) => one.measured).map((one) => strip(one))}` : null}
        <h2 class="part">${words("inspection.stories")}</h2>${OUTCOMES.flatMap((outcome) => report.findings.filter((one) => one.outcome === outcome)).map((one) => this.#story(one))}` : null}`;
  }

  /** @param {string} id */
  #sentence(id) {
    return look("promises")?.promises.find((one) => one.id === id)?.sentence ?? id;
  }

  /** @param {Finding} one */
  #story(one) {
    return html`<details class="panel story" data-key="${one.scenario}" ${one.outcome === "proven" ? null : html`open`}><summary><span>${one.title}</span>${storyChip(one.outcome)}</summary><p>${one.why}</p>
      <ol class="steps-told">${one.steps.map((step) => html`<li><span class="chip ${step.kind === "control" ? "rest" : "wait"} wordy">${words(`step.${step.kind}`)}</span><p>${step.tried}</p><p class="second">${step.seen}</p></li>`)}</ol></details>`;
  }
}

customElements.define("rf-inspection", Inspection);
