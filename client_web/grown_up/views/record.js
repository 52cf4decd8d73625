/**
 * "Our logbook", the family's part of the record (in words that nobody takes for recording): what grown-ups of this family did for it,
 * and whether somebody changed any of it. Nothing of what a child does is in it.
 *
 * The check is done on this device (`shared/record.js`), against what this device has kept since it checked first: the key that signs
 * and the newest checkpoint. These two stay in this browser, under the account, and are of no use to anybody else.
 */
import { get } from "../../shared/api.js";
import { html } from "../../shared/html.js";
import { chip, icon } from "../../shared/parts.js";
import { canVerify, check, reaches, read, together } from "../../shared/record.js";
import { hasWords, words } from "../../shared/words.js";
import { look } from "../known.js";
import { Page, waiting } from "../page.js";
import { begun, dateOf, dayOf, timeOf } from "../when.js";

/** @typedef {import("../../shared/record.js").Kept} Kept */
/** @typedef {import("../../shared/record.js").Result} Result */

const KEPT = "ringfence.record.";
/** No family has more pages than this; a server that goes on and on is not waited for. */
const MOST_PAGES = 500;

/** @param {string} own @returns {Kept | null} */
function kept(own) {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT + own) ?? "null");
    return found && typeof found.key === "string" && typeof found.note === "string" && Number.isSafeInteger(found.seq) && typeof found.hash === "string" ? found : null;
  } catch {
    return null;
  }
}

/** How long the log was, in a checkpoint that was checked before. @param {string} note */
const sizeIn = (note) => Number(note.split("\n")[1]) || 0;

/** What to say of one that is not whole; of one in which nothing is wrong but that a proof was not given, no more than that. @param {Result} result */
const broken = (result) => (result.found.every((one) => one.what === "unproven") ? "record.not-shown" : "record.broken");

/** All pages, one after the other. @param {number} since */
async function fetched(since) {
  const pages = [];
  for (let after = 0, more = true; more && pages.length < MOST_PAGES;) {
    const page = read(await get(`/api/record?after=${after}${since ? `&since=${since}` : ""}`));
    pages.push(page);
    const { last, more: goesOn } = reaches(page);
    more = goesOn && last > after;
    after = last;
  }
  return together(pages);
}

class Record extends Page {
  /** @type {Result | null} */ #result = null;
  #first = false;
  #cannot = false;
  #checking = false;
  /** How long the log was in the checkpoint that the first check on this page was held against: a later one puts a newer one in its place. */
  #since = 0;

  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return { check: () => void this.#check() };
  }

  async #check() {
    const own = look("me")?.own ?? "";
    if (this.#checking) return;
    this.#checking = true;
    this.#result = null;
    this.news = "";
    this.update();
    this.#cannot = !(await canVerify());
    if (!this.#cannot) await this.attempt(async () => {
      const before = kept(own);
      this.#since ||= sizeIn(before?.note ?? "");
      let result;
      try {
        result = await check(await fetched(sizeIn(before?.note ?? "")), before);
      } catch (fault) {
        if (fault instanceof Error && fault.name === "ApiFault") throw fault;
        result = await check([], before); // what came was no record
      }
      this.#first = !before;
      this.#result = result;
      if (result.found.length === 0 && own) localStorage.setItem(KEPT + own, JSON.stringify(result.keep));
      this.#checking = false;
      this.done(words(result.found.length > 0 ? broken(result) : result.rows > 0 ? "record.whole" : "record.nothing"));
    });
    this.#checking = false;
    this.update();
  }

  /** @override The result itself says what was done. */
  notes() {
    return this.mistakes.length > 0 ? super.notes() : html``;
  }

  /** The lines that are shown, newest first: what was done, when, and whether the rules said no. @param {Result} result */
  #done({ shown, open }) {
    return shown.length === 0 ? null : html`<section data-key="done"><h2 class="part">${words("record.done")}</h2>${open > shown.length ? html`<p class="second">${words("record.newest", { n: shown.length })}</p>` : null}
      <ul class="calls panel">${shown.map((one) => html`<li><b>${words(hasWords(`record.did-${one.question}`) ? `record.did-${one.question}` : "record.did-other")}${one.verdict === "deny" ? html` ${chip("stop", "no", words("record.refused"))}` : null}</b><span>${begun(dayOf(new Date(one.at).toISOString()))}</span><span>${timeOf(new Date(one.at).toISOString())}</span></li>`)}</ul></section>`;
  }

  /** @param {Result} result */
  #found(result) {
    const whole = result.found.length === 0;
    if (whole && result.rows === 0) return html`<section class="panel limit" data-key="result"><p class="plate-line">${icon("wait")}<span>${words("record.nothing")}</span></p></section>`;
    const names = [...new Set(result.found.map((one) => one.what))];
    const at = result.checkpoint ? new Date(result.checkpoint.at).toISOString() : "";
    /** @param {string} key @param {string | number} value */
    const fact = (key, value) => html`<div data-key="${key}"><dt>${words(`record.${key}`)}</dt><dd>${value}</dd></div>`;
    return html`<section class="panel limit" data-key="result"><h2 class="plate-line ${whole ? "ok" : "stop"}">${icon(whole ? "tick" : "no")}<span>${words(whole ? "record.whole" : broken(result))}</span></h2>
      ${whole ? html`<p>${words("record.whole-lead")}</p>` : html`<ul data-key="names">${names.map((one) => html`<li data-key="${one}">${words(`record.${one}`)}</li>`)}</ul><p>${words("record.what-now")}</p>`}
      <dl class="facts" data-key="facts">${fact("rows", result.rows)}${fact("open", result.open)}
        ${result.firstAt === null ? null : fact("since", dateOf(new Date(result.firstAt).toISOString()))}${at ? fact("signed", `${dateOf(at)}, ${timeOf(at)}`) : null}</dl>
      ${whole && this.#first ? html`<p class="second">${words("record.first")}</p>` : null}${whole && result.changedKey ? html`<p class="second">${words("record.changed-key")}</p>` : null}</section>${whole ? this.#done(result) : null}`;
  }

  /** @override */
  draw() {
    // the file goes on from what this device has kept, and has the proof in it
    const since = this.#since || sizeIn(kept(look("me")?.own ?? "")?.note ?? "");
    return html`${this.notes()}<h1 tabindex="-1">${words("record.title")}</h1><p class="lead">${words("record.lead")}</p>
      <p class="next" data-key="check"><button class="button go" type="button" data-do="check">${words(this.#result ? "record.again" : "record.check")}</button></p>
      ${this.#checking ? waiting(words("record.checking")) : null}${this.#cannot ? html`<p class="plate-line" data-key="cannot">${icon("no")}<span>${words("record.cannot")}</span></p>` : null}${this.#result ? this.#found(this.#result) : null}
      <section class="panel limit" data-key="about"><h2>${words("record.about")}</h2><p>${words("record.about-1")}</p><p>${words("record.about-2")}</p><p>${words("record.about-3")}</p>
        <p><a class="button" href="/api/record/file${since ? `?since=${since}` : ""}">${words("record.file")}</a></p></section>`;
  }
}

customElements.define("rf-record", Record);
