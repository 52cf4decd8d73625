/**
 * "What we promise": open to everybody, in three readings, for a child, a parent and a regulator. The sentences and whether each is proven come
 * from the promise ledger (/api/promises); this page has none of its own, so it cannot go on promising what is no longer shown.
 */
import { ApiFault, get } from "../shared/api.js";
import { html, View } from "../shared/html.js";
import { brand, chip, icon } from "../shared/parts.js";
import { onPress } from "../shared/press.js";
import { arrive } from "../shared/say.js";
import { addWords, dated, loadWords, useBand, words } from "../shared/words.js";
import { withoutName } from "./sentence.js";

/** @typedef {"child" | "parent" | "regulator"} Reader */
/** @typedef {{code: string, status: "in force" | "proposed" | "announced" | "our choice", since: string, note: string, unverified: boolean}} Source */
/** @typedef {{id: string, to: Reader[], sentence: string, child: string, status: "proven" | "not_proven" | "broken", why: string, proved_at: number, sources: Source[], rules: string[], not_shown: string}} Promised */

/** @type {Reader[]} */
const READERS = ["child", "parent", "regulator"];

/** How a source can stand, the hardest first. @type {Source["status"][]} */
const STANDING = ["in force", "announced", "proposed", "our choice"];

/** A law's date may be a day, a month or only a year. @param {string} since */
const sinceOf = (since) => (since.length === 10 ? dated(since) : since.length === 7 ? dated(`${since}-01`).replace(/^1 /, "") : since);

class WhatWePromise extends View {
  /** @type {Promised[] | null} */ promises = null;
  /** @type {ApiFault | null} */ fault = null;
  #shown = "";

  constructor() {
    super();
    onPress(this, { again: () => void this.load(), skip: () => this.querySelector("h1")?.focus() });
    addEventListener("hashchange", () => this.update());
  }

  async load() {
    try {
      this.promises = (await get("/api/promises")).promises;
      this.fault = null;
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      this.fault = fault;
    }
    this.update();
  }

  get #reader() {
    return READERS.find((reader) => reader === location.hash.slice(1)) ?? "parent";
  }

  /** @override */
  update() {
    super.update();
    if (!this.promises || this.#shown === this.#reader) return;
    this.#shown = this.#reader;
    arrive();
  }

  /** How it stands, in a word, a shape and a colour: what is not proven is not made to look small. A child reads a child's words. @param {Promised} one @param {Reader} reader */
  #state({ status }, reader) {
    const word = words(`promised.${status}${reader === "child" ? "-child" : ""}`);
    return status === "proven" ? chip("ok", "tick", word) : status === "broken" ? chip("stop", "no", word) : chip("wait", "wait", word);
  }

  /** Why nothing is proven, where it is one reason for all: then it is said once, and not at each. @param {Promised[]} own */
  #whyAll(own) {
    const first = own[0];
    return first && own.every((one) => one.status === "not_proven" && one.why === first.why) ? first.why : "";
  }

  /** What demands it, by how it stands; and each source in full for whoever wants it. @param {Source[]} sources */
  #law(sources) {
    return html`<ul class="law">${STANDING.map((status) => ({ status, some: sources.filter((one) => one.status === status) })).filter(({ some }) => some.length > 0).map(({ status, some }) => html`<li>${chip(status === "in force" ? "ok" : status === "our choice" ? "rest" : "wait", status === "in force" ? "tick" : status === "our choice" ? "hand" : "clock", words(`promised.law-${status}`))}<span>${some.map((one) => one.code).join(", ")}</span></li>`)}</ul>
      <details><summary>${words("promised.sources")}</summary><ul class="sources">${sources.map((one) => html`<li><b>${one.code}</b><span>${one.note}${one.unverified ? html` ${words("promised.unverified")}` : null}</span><span class="second">${words("promised.since", { since: sinceOf(one.since) })}</span></li>`)}</ul></details>`;
  }

  /** @param {Promised} one @param {Reader} reader @param {string} said why, if it stands above the list already */
  #row(one, reader, said) {
    const when = one.proved_at > 0 && one.status === "proven" ? html`<p class="second">${words("promised.on", { date: dated(new Date(one.proved_at).toISOString()) })} ${reader === "regulator" ? one.why : null}</p>`
      : reader === "child" || one.why === said ? null : html`<p class="second">${one.why}</p>`;
    return html`<li class="panel ${one.status}" data-key="${one.id}"><span class="promise-post" aria-hidden="true">${icon(one.status === "proven" ? "tick" : one.status === "broken" ? "no" : "wait")}</span>
      <div><h2>${withoutName(reader === "child" ? one.child : one.sentence, words("promised.somebody"))}</h2><p class="state">${this.#state(one, reader)}</p>${when}
        ${one.not_shown && reader !== "child" ? html`<p class="second">${words("promised.limit", { what: one.not_shown })}</p>` : null}
        ${reader === "regulator" ? this.#law(one.sources) : null}</div></li>`;
  }

  /** @override */
  draw() {
    const reader = this.#reader;
    const own = this.promises?.filter((one) => one.to.includes(reader)) ?? [];
    const why = reader === "child" ? "" : this.#whyAll(own);
    const proven = own.filter((one) => one.status === "proven").length;
    return html`<a class="button skip" href="#page" data-do="skip" data-key="skip">${words("promised.skip")}</a>
      <header class="head" data-key="head">${brand("/")}</header>
      <main id="page" class="for-${reader}" data-key="main"><nav class="readers" aria-label="${words("promised.readers")}"><ul>${READERS.map((one) => html`<li><a class="button" href="#${one}" ${one === reader ? html`aria-current="page"` : null}>${words(`promised.for-${one}`)}</a></li>`)}</ul></nav>
        <h1 tabindex="-1">${words(`promised.title-${reader}`)}</h1><p class="lead">${words(`promised.lead-${reader}`)}</p>
        ${this.fault ? html`<div class="panel" data-key="stuck"><p>${words(this.fault.code === "offline" ? "promised.offline" : "promised.stuck")}</p><p><button class="button" type="button" data-do="again">${words("try-again")}</button></p></div>`
          : !this.promises ? html`<div class="waiting" data-key="waiting"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span><p>${words("promised.loading")}</p></div>`
          : html`<p class="tally" data-key="tally"><b>${words(reader === "child" ? "promised.tally-child" : "promised.tally", { n: proven, all: own.length })}</b> ${why ? words("promised.why-all", { why }) : null}</p><ul class="promised" data-key="${reader}">${own.map((one) => this.#row(one, reader, why))}</ul>
            ${reader === "regulator" ? html`<p class="second">${words("promised.more")} <a href="/inspector/">${words("promised.inspect")}</a></p>` : null}`}</main>`;
  }
}

await loadWords();
await addWords(new URL("./", import.meta.url));
useBand("adult");
customElements.define("rf-what-we-promise", WhatWePromise);
const page = document.querySelector("rf-what-we-promise");
if (page instanceof WhatWePromise) void page.load();
