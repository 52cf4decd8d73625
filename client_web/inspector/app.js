/**
 * The inspector's app: what a safe account is, what is proven of it, and the means to try both.
 *
 * This file is the frame: who is signed in, which page is open, the header and the list of pages. The pages are in views/. An inspector
 * reads and starts inspections; nothing here can reach a family, and no page has a name to show.
 */
import { ApiFault } from "../shared/api.js";
import { html, View } from "../shared/html.js";
import { brand, icon } from "../shared/parts.js";
import { onPress } from "../shared/press.js";
import { arrive } from "../shared/say.js";
import { addWords, loadWords, useBand, words } from "../shared/words.js";
import { again, faultOf, forget, listen, look } from "./known.js";
import { stuck, waiting } from "./page.js";
import { here, to } from "./route.js";
import { signOut } from "./session.js";
import "./views/counts.js";
import "./views/decisions.js";
import "./views/inspection.js";
import "./views/measures.js";
import "./views/overview.js";
import "./views/pack.js";
import "./views/promises.js";
import "./views/record.js";
import "./views/rules.js";
import "./views/sign_in.js";
import "./views/situation.js";

/** @typedef {import("../shared/html.js").Markup} Markup */
/** @typedef {import("../shared/parts.js").IconName} IconName */

/** Every page by its name in the address, in reading order. @type {Record<string, {icon: IconName, draw: (key: string) => Markup}>} */
const PAGES = {
  overview: { icon: "home", draw: (key) => html`<rf-overview data-key="${key}"></rf-overview>` },
  rules: { icon: "list", draw: (key) => html`<rf-rules data-key="${key}"></rf-rules>` },
  situation: { icon: "hand", draw: (key) => html`<rf-situation data-key="${key}"></rf-situation>` },
  promises: { icon: "tick", draw: (key) => html`<rf-promises data-key="${key}"></rf-promises>` },
  inspection: { icon: "eye", draw: (key) => html`<rf-inspection data-key="${key}"></rf-inspection>` },
  measures: { icon: "tablet", draw: (key) => html`<rf-measures data-key="${key}"></rf-measures>` },
  counts: { icon: "people", draw: (key) => html`<rf-counts data-key="${key}"></rf-counts>` },
  decisions: { icon: "clock", draw: (key) => html`<rf-decisions data-key="${key}"></rf-decisions>` },
  record: { icon: "link", draw: (key) => html`<rf-record data-key="${key}"></rf-record>` },
  pack: { icon: "inbox", draw: (key) => html`<rf-pack data-key="${key}"></rf-pack>` },
};
const HOME = "overview";

class Inspector extends View {
  #place = "";
  /** What is drawn now: the page and its step. */ #drawn = "";

  constructor() {
    super();
    onPress(this, {
      skip: () => this.querySelector("h1")?.focus(),
      "sign-out": () => void this.#signOut(),
      print: () => print(),
      again: () => void again(),
    });
    this.addEventListener("drawn", () => this.#entitle());
    this.addEventListener("arrived", () => arrive());
    this.addEventListener("signed-in", () => {
      forget();
      this.update();
    });
    addEventListener("hashchange", () => this.update());
    // the menu shuts when a page is chosen or the press is elsewhere
    document.addEventListener("click", (event) => {
      const menu = this.querySelector("details.menu[open]");
      const inside = event.target instanceof Element && event.target.closest("details.menu");
      if (menu && (!inside || /** @type {Element} */ (event.target).closest("a, [data-do]"))) menu.removeAttribute("open");
    });
    document.addEventListener("keydown", (event) => {
      const menu = this.querySelector("details.menu[open]");
      if (event.key !== "Escape" || !menu) return;
      menu.removeAttribute("open");
      menu.querySelector("summary")?.focus();
    });
    listen(() => this.update());
  }

  async #signOut() {
    try {
      await signOut();
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
    }
    forget();
    this.update();
  }

  #entitle() {
    const heading = this.querySelector("h1")?.textContent?.trim() ?? "Ringfence";
    const title = words("title", { heading });
    document.title = this.querySelector(".error-summary") ? words("problem.prefix", { title }) : title;
  }

  /** @override */
  update() {
    super.update();
    this.#entitle();
    if (this.#drawn === this.#place || !this.querySelector("h1")) return;
    this.#place = this.#drawn;
    arrive();
    this.#entitle();
  }

  /** @override */
  draw() {
    const session = look("session");
    const fault = faultOf("session");
    const { page, parts } = here();
    if (!session) {
      this.#drawn = fault ? `out ${fault.code}` : "";
      if (!fault) return this.#alone(waiting());
      return this.#alone(fault.code === "not_signed_in" ? html`<rf-sign-in data-key="sign-in"></rf-sign-in>` : html`<h1 tabindex="-1">${words("overview.title")}</h1>${stuck(fault)}`);
    }
    const entry = PAGES[page] ?? PAGES[HOME];
    const current = PAGES[page] ? page : HOME;
    const key = [current, ...parts].join("/");
    this.#drawn = key;
    return html`<a class="button skip" href="#page" data-do="skip" data-key="skip">${words("skip")}</a>
      <header class="head" data-key="head">${brand(to(HOME))}<details class="menu narrow" data-key="menu"><summary class="button"><span>${words("nav.open")}</span>${icon("chev")}</summary>
        <ul>${this.#links(current, "menu")}<li data-key="menu-out"><button type="button" data-do="sign-out">${words("nav.out")}</button></li></ul></details>
        <span class="head-deeds"><button class="button" type="button" data-do="print">${words("print")}</button><button class="button" type="button" data-do="sign-out">${words("nav.out")}</button></span></header>
      <div class="shell" data-key="shell"><nav class="side" aria-label="${words("nav")}"><ul>${this.#links(current, "side")}</ul></nav>
        <main id="page">${/** @type {{draw: (key: string) => Markup}} */ (entry).draw(key)}</main></div>`;
  }

  /** @param {string} current @param {string} where */
  #links(current, where) {
    return Object.entries(PAGES).map(([page, entry]) => html`<li data-key="${where}-${page}"><a href="${to(page)}" ${page === current ? html`aria-current="page"` : null}>${icon(entry.icon)}<span>${words(`nav.${page}`)}</span></a></li>`);
  }

  /** One thing on its own. @param {Markup} content */
  #alone(content) {
    return html`<header class="head" data-key="head">${brand("/")}</header><main class="alone" id="page" data-key="alone">${content}</main>`;
  }
}

await loadWords();
await addWords(new URL("./", import.meta.url));
useBand("adult");
customElements.define("rf-inspector", Inspector);
