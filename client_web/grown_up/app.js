/**
 * The grown-up's app: for a guardian (decide, contacts, devices, history) and for a trusted adult (call).
 *
 * This file is the frame: who is signed in, which page is open, the header, the side list or dock, the green bar of a call that is on,
 * and the telephone, whose screens stand in front of every page. The pages are in views/. What they show comes from known.js, and the
 * server's `changed` makes it fetch again; while the wire is away it is fetched every few seconds instead.
 */
import { post } from "../shared/api.js";
import { html, View } from "../shared/html.js";
import { everyWhile } from "../shared/idle.js";
import { brand, icon, peg } from "../shared/parts.js";
import { onPress } from "../shared/press.js";
import { arrive } from "../shared/say.js";
import { addWords, loadWords, useBand, words } from "../shared/words.js";
import { onCompared } from "./compared.js";
import { forgetComparisons } from "./comparing.js";
import { faultOf, forget, listen, look, renew, renewAll } from "./known.js";
import { stuck, waiting } from "./page.js";
import { onPresence, withNobody } from "./presence.js";
import { carried, go, here, to } from "./route.js";
import { beginSigning, newBrowsers, newDevices, onSigning, signAll, stopSigning } from "./signing.js";
import { hangUpForGood, knowPeople, openTelephone, telephoneIsHere } from "./telephone.js";
import { choose, chooseNone, whose } from "./whose.js";
import { worthKnowing } from "./views/account.js";
import "./views/contacts.js";
import "./views/decide.js";
import "./views/devices.js";
import "./views/history.js";
import "./views/invite.js";
import "./views/live.js";
import "./views/people.js";
import "./views/pictures.js";
import "./views/record.js";
import "./views/sign_up.js";
import "./views/times.js";
import "./views/watch.js";
import "./views/add_child.js";

/** @typedef {import("../shared/html.js").Markup} Markup */
/** @typedef {import("../shared/parts.js").IconName} IconName */
/** @typedef {{draw: (key: string) => Markup, nav?: string, alone?: boolean, open?: boolean, child?: boolean}} PageEntry */

/**
 * Every page by its name in the address. `alone`: one thing per page, without side list and dock. `open`: also for somebody who is not
 * signed in. `child`: for guardians only.
 * @type {Record<string, PageEntry>}
 */
const PAGES = {
  "sign-in": { draw: (key) => html`<rf-sign-in data-key="${key}"></rf-sign-in>`, alone: true, open: true },
  "sign-up": { draw: (key) => html`<rf-sign-up data-key="${key}"></rf-sign-up>`, alone: true, open: true },
  invited: { draw: (key) => html`<rf-invited data-key="${key}"></rf-invited>`, alone: true, open: true },
  child: { draw: (key) => html`<rf-add-child data-key="${key}"></rf-add-child>`, alone: true, child: true },
  pair: { draw: (key) => html`<rf-pair data-key="${key}"></rf-pair>`, alone: true, child: true },
  decide: { draw: (key) => html`<rf-decide data-key="${key}"></rf-decide>`, nav: "decide" },
  contacts: { draw: (key) => html`<rf-contacts data-key="${key}"></rf-contacts>`, nav: "contacts", child: true },
  watch: { draw: (key) => html`<rf-watch data-key="${key}"></rf-watch>`, nav: "contacts", child: true },
  times: { draw: (key) => html`<rf-times data-key="${key}"></rf-times>`, nav: "times", child: true },
  rename: { draw: (key) => html`<rf-rename data-key="${key}"></rf-rename>`, nav: "contacts", child: true },
  ask: { draw: (key) => html`<rf-invite data-key="${key}"></rf-invite>`, nav: "contacts", child: true },
  pictures: { draw: (key) => html`<rf-pictures data-key="${key}"></rf-pictures>`, alone: true },
  call: { draw: (key) => html`<rf-people data-key="${key}"></rf-people>`, nav: "call" },
  history: { draw: (key) => html`<rf-history data-key="${key}"></rf-history>`, nav: "history", child: true },
  devices: { draw: (key) => html`<rf-devices data-key="${key}"></rf-devices>`, nav: "devices" },
  account: { draw: (key) => html`<rf-account data-key="${key}"></rf-account>`, child: true },
  record: { draw: (key) => html`<rf-record data-key="${key}"></rf-record>` },
  sees: { draw: (key) => html`<rf-sees data-key="${key}"></rf-sees>`, child: true },
};

/** The side list, in reading order; the dock of a phone has the first four. @type {{page: string, icon: IconName, guardian: boolean}[]} */
const NAV = [
  { page: "decide", icon: "inbox", guardian: false },
  { page: "contacts", icon: "people", guardian: true },
  { page: "times", icon: "clock", guardian: true },
  { page: "call", icon: "phone", guardian: false },
  { page: "history", icon: "list", guardian: true },
  { page: "devices", icon: "tablet", guardian: false },
];

/** How often everything is fetched again while the wire is away; and while nobody is at the page. */
const POLL_MS = 10_000;
const POLL_SELDOM_MS = 60_000;
/**
 * How often a guardian's page looks whether a child is on a call: a bar that comes late is a parent who cannot end it. While nobody is at the
 * page it is seldom, and the first touch looks at once.
 */
const LIVE_MS = 4_000;
const LIVE_SELDOM_MS = 30_000;

class GrownUp extends View {
  #place = "";
  /** What is drawn now: the page, its step, and the child it is about. */ #drawn = "";

  constructor() {
    super();
    onPress(this, {
      skip: () => this.querySelector("h1")?.focus(),
      child: (control) => this.#show(control.dataset.child ?? ""),
      "sign-out": () => void this.#signOut(),
      again: () => void renewAll(),
    });
    this.addEventListener("drawn", () => this.#entitle());
    this.addEventListener("arrived", () => this.#arrive());
    this.addEventListener("signed-in", () => this.#begin());
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
    listen({ news: () => this.update(), signedOut: () => this.#end() });
    onPresence(() => this.update());
    onSigning(() => this.update());
    onCompared(() => this.update());
    everyWhile(POLL_MS, POLL_SELDOM_MS, () => look("me") && !telephoneIsHere() && void renewAll());
    // that a child asks for a call is told over the wire; that nobody answered in time is not
    everyWhile(LIVE_MS, LIVE_SELDOM_MS, () => look("me")?.kind === "guardian" && void renew("live", ...(telephoneIsHere() && !look("toAllow")?.length ? [] : /** @type {const} */ (["toAllow"]))));
  }

  /** A call takes the screen, or gives it back. @param {boolean} busy */
  #makeRoom(busy) {
    this.hidden = busy;
    if (busy) return;
    void renew("people", "live", "history");
    this.update();
    this.#arrive();
  }

  /** Somebody has just signed in. */
  #begin() {
    stopSigning();
    forget();
    this.update();
  }

  #end() {
    hangUpForGood();
    stopSigning();
    withNobody();
    forgetComparisons();
    forget();
    chooseNone();
    this.update();
  }

  async #signOut() {
    hangUpForGood();
    try {
      await post("/api/sign-out");
    } finally {
      this.#end();
      go("sign-in");
    }
  }

  /** @param {string} child */
  #show(child) {
    choose(child);
    if (["contacts", "times", "history", "devices", "account", "sees"].includes(here().page)) this.update();
    else go("contacts");
  }

  /** A new page, or a new step of one. */
  #arrive() {
    arrive();
    this.#entitle();
  }

  #entitle() {
    if (this.hidden) return; // a call is in front, and the title is its
    const heading = this.querySelector("h1")?.textContent?.trim() ?? "Ringfence";
    const title = words("title", { heading });
    document.title = this.querySelector(".error-summary") ? words("problem.prefix", { title }) : title;
  }

  /** @override */
  update() {
    super.update();
    if (look("me") && look("me")?.kind !== "child") {
      openTelephone({ changed: () => this.update(), busy: (busy) => this.#makeRoom(busy), news: () => void signAll() });
      void beginSigning(look("me")?.own);
      knowPeople();
    }
    if (this.hidden) return;
    this.#entitle();
    const place = `${look("me")?.kind ?? ""} ${faultOf("me")?.code ?? ""} ${this.#drawn}`;
    if (place !== this.#place && this.querySelector("h1")) {
      this.#place = place;
      this.#arrive();
    }
  }

  /** @override */
  draw() {
    const me = look("me");
    const fault = faultOf("me");
    this.#drawn = location.hash;
    if (!me) {
      if (!fault) return this.#alone(waiting());
      if (fault.code !== "not_signed_in") return this.#alone(stuck(fault));
      const { page } = here();
      const entry = PAGES[page]?.open ? PAGES[page] : PAGES["sign-in"];
      return this.#alone(/** @type {PageEntry} */ (entry).draw(`out-${page}`));
    }
    if (me.kind === "child") return this.#alone(html`<h1 tabindex="-1">${words("child-here.title")}</h1><p class="lead">${words("child-here.lead", { name: me.name })}</p>
      <p><a class="button" href="/child/">${words("child-here.go", { name: me.name })}</a></p>`);
    const guardian = me.kind === "guardian";
    const home = guardian ? "decide" : "call";
    const { page, parts } = here();
    const known = PAGES[page];
    if (page === "sign-in" && !carried().invite) return this.#frame(home, /** @type {PageEntry} */ (PAGES[home]), home);
    const entry = /** @type {PageEntry} */ (known && (guardian || !known.child) ? known : PAGES[home]);
    if (page === "call" && parts.length > 0) return html`<rf-before-call data-key="${parts[0] ?? ""}"></rf-before-call>`;
    // a step of one page is a new page to whoever reads it; the child it is about is part of it too
    const key = [page, ...parts].join("/") || home;
    return entry.alone ? this.#alone(entry.draw(key)) : this.#frame(page, entry, key);
  }

  /** One thing on its own. @param {Markup} content */
  #alone(content) {
    return html`<header class="head" data-key="head">${brand(look("me") ? to("decide") : "/")}</header>
      <main class="alone" id="page" data-key="alone">${look("me")?.kind === "guardian" ? html`<rf-live></rf-live>` : null}${content}</main>`;
  }

  /** @param {string} page @param {PageEntry} entry @param {string} key */
  #frame(page, entry, key) {
    const me = look("me");
    const guardian = me?.kind === "guardian";
    const nav = NAV.filter((one) => guardian || !one.guardian);
    const count = (look("decisions")?.length ?? 0) + (guardian ? (look("toAllow")?.length ?? 0) : 0) + newBrowsers().length + newDevices(look("me")?.demo === true).length;
    const current = entry.nav ?? page;
    const child = whose();
    const about = ["contacts", "times", "history", "devices", "account", "sees", "ask"].includes(current) ? `${key} ${child?.id ?? ""}` : key;
    this.#drawn = about;
    return html`<a class="button skip" href="#page" data-do="skip" data-key="skip">${words("skip")}</a>
      <header class="head" data-key="head">${brand(to(guardian ? "decide" : "call"))}${this.#menu(current)}</header>
      <div class="shell" data-key="shell">
        <nav class="side" aria-label="${words("nav")}">${nav.map((one) => html`<a data-key="side-${one.page}" href="${to(one.page)}" ${one.page === current ? html`aria-current="page"` : null}
          >${icon(one.icon)}<span>${words(`nav.${one.page}`)}</span>${this.#badge(one.page, count)}</a>`)}</nav>
        <main id="page"><rf-live></rf-live>${entry.draw(about)}</main>
        <aside>${worthKnowing(guardian, child, current !== "contacts")}</aside>
      </div>
      <nav class="dock" data-key="dock" aria-label="${words("nav")}">${nav.slice(0, 4).map((one) => html`<a class="dock-button" data-key="dock-${one.page}" href="${to(one.page)}"
        ${one.page === current ? html`aria-current="page"` : null}>${icon(one.icon)}<span>${words(`nav.${one.page}`)}</span>${this.#badge(one.page, count)}</a>`)}</nav>`;
  }

  /** @param {string} page @param {number} count */
  #badge(page, count) {
    return page === "decide" && count > 0 ? html`<b class="badge" data-key="badge"><span aria-hidden="true">${count}</span><span class="hidden-words">${words("nav.waiting", { n: count })}</span></b>` : null;
  }

  /** Children, account and sign out: one list behind one button, native so that it opens without any script. @param {string} current the page that is open */
  #menu(current = "") {
    const me = look("me");
    if (!me) return null;
    const guardian = me.kind === "guardian";
    const child = whose();
    const children = look("family")?.children ?? [];
    const shown = child ?? me;
    const mark = (/** @type {string} */ page) => (page === current ? html`aria-current="page"` : null);
    return html`<details class="menu" data-key="menu"><summary class="button"><span class="hidden-words">${words("menu.open")}: </span>${peg(shown, "small")}<span
      >${shown.name}${child ? html`<span class="age">, ${words(`age.${child.group}`)}</span>` : null}</span>${icon("chev")}</summary>
      <ul>${children.length > 1 ? children.map((one) => html`<li data-key="${one.id}"><button type="button" data-do="child" data-child="${one.id}" ${one.id === child?.id ? html`aria-current="true"` : null}
          >${peg(one, "small")}<span>${words("menu.show", { name: one.name })}</span></button></li>`) : null}
        ${guardian && child ? html`<li data-key="account"><a href="${to("account")}" ${mark("account")}>${words("menu.account", { name: child.name })}</a></li>` : null}
        ${guardian && child ? html`<li data-key="history"><a href="${to("history")}" ${mark("history")}>${words("menu.history")}</a></li>` : null}
        ${guardian && child ? html`<li data-key="ask"><a href="${to("ask")}" ${mark("ask")}>${words("menu.invite")}</a></li>` : null}
        ${guardian ? html`<li data-key="add"><a href="${to("child")}">${words("menu.add")}</a></li>` : null}
        <li data-key="devices"><a href="${to("devices")}" ${mark("devices")}>${words("menu.devices")}</a></li>
        ${guardian && child ? html`<li data-key="sees"><a href="${to("sees")}" ${mark("sees")}>${words("menu.sees")}</a></li>` : null}
        <li data-key="record"><a href="${to("record")}" ${mark("record")}>${words("menu.record")}</a></li>
        <li data-key="out"><button type="button" data-do="sign-out">${words("menu.out")}</button></li></ul></details>`;
  }
}

await loadWords();
await addWords(new URL("./", import.meta.url));
useBand("adult");
customElements.define("rf-grown-up", GrownUp);
