/**
 * The child's app: which page is open, the telephone in front of it, and the wire behind it.
 *
 * Pages live behind `#/…`; what they show comes from known.js. While the telephone has something to show (a ring, a call, a
 * goodbye, Help) it stands in front of every page, wherever the address points, so the back button can never leave a call
 * running out of sight. Leaving the document leaves the call.
 */
import { get, post } from "../shared/api.js";
import { Connection } from "../shared/connection.js";
import { html, View } from "../shared/html.js";
import { everyWhile } from "../shared/idle.js";
import { introduce } from "../shared/identity.js";
import { scene } from "../shared/parts.js";
import { onPress } from "../shared/press.js";
import { arrive } from "../shared/say.js";
import { Telephone } from "../shared/telephone.js";
import { bandOf, currentBand, loadWords, useBand, words } from "../shared/words.js";
import { opensAgain } from "../shared/limits.js";
import "../shared/call_screens/rf-call.js";
import "../shared/call_screens/rf-look-at-myself.js";
import { dock } from "./frame.js";
import { known, onKnown, personOf, refresh } from "./known.js";
import { plainLook } from "./plain.js";
import { askGrownUp, mustAsk, whoIsAsked } from "./views/rf-ask-first.js";
import "./views/rf-asks.js";
import "./views/rf-block.js";
import "./views/rf-child-home.js";
import "./views/rf-codes.js";
import "./views/rf-me.js";
import "./views/rf-pages.js";
import "./views/rf-pairing.js";
import "./views/rf-recorded.js";
import "./views/rf-times.js";
import "./views/rf-who-said-yes.js";
/** @typedef {import("../shared/html.js").Markup} Markup */

/** How often to ask again while the server cannot be reached. */
const AGAIN_MS = 5000;
/** How often to look at the clock of the home: quiet time begins and minutes pass without anybody changing anything. Seldom while nobody is here. */
const CLOCK_MS = 20_000;
const CLOCK_SELDOM_MS = 120_000;

/** Pages that need nothing but their name. @type {Record<string, () => Markup>} */
const PAGES = {
  "": () => html`<rf-child-home data-key="home"></rf-child-home>`,
  add: () => html`<rf-add-friend data-key="add"></rf-add-friend>`,
  code: () => html`<rf-friend-code data-key="code"></rf-friend-code>`,
  enter: () => html`<rf-enter-code data-key="enter"></rf-enter-code>`,
  asks: () => html`<rf-asks data-key="asks"></rf-asks>`,
  yeses: () => html`<rf-who-said-yes data-key="yeses"></rf-who-said-yes>`,
  me: () => html`<rf-me data-key="me"></rf-me>`,
  picture: () => html`<rf-my-picture data-key="picture"></rf-my-picture>`,
  sees: () => html`<rf-who-sees-what data-key="sees"></rf-who-sees-what>`,
  times: () => html`<rf-my-times data-key="times"></rf-my-times>`,
  lead: () => html`<rf-lead data-key="lead"></rf-lead>`,
  blocked: () => html`<rf-blocked data-key="blocked"></rf-blocked>`,
  field: () => html`<rf-quiet-field data-key="field"></rf-quiet-field>`,
};

/** @returns {string[]} the address after `#/`, in parts */
const address = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);

/** @returns {Promise<string | null>} */
async function ticket() {
  try {
    return (await post("/api/ws-ticket")).ticket;
  } catch (fault) {
    if (/** @type {{status?: number}} */ (fault).status === 401) return null;
    throw fault;
  }
}

export class RfChildApp extends View {
  #connection = new Connection(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`, ticket);
  #telephone = new Telephone(this.#connection);
  /** Has this page met its child yet? */ #paired = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #again;
  #shown = "";
  /** The call for whose people was asked. */ #asked = "";

  constructor() {
    super();
    onPress(this, {
      help: () => this.#telephone.help(),
      again: () => void this.#meet(),
      reload: () => location.reload(),
      skip: () => /** @type {HTMLElement | null} */ (this.querySelector("main a, main button"))?.focus(),
    });
    this.addEventListener("busy", () => {
      this.update();
      // a call has used up minutes, and a yes that was for one call
      if (!this.#busy && this.#paired) void refresh();
    });
    this.addEventListener("again", (event) => { location.hash = `#/call/${/** @type {CustomEvent} */ (event).detail}`; });
    this.addEventListener("call", (event) => {
      const ref = address()[1] ?? "";
      history.replaceState(null, "", "#/");
      void this.#telephone.place([ref], /** @type {CustomEvent} */ (event).detail);
    });
    this.addEventListener("back", () => { location.hash = "#/"; });
    this.addEventListener("stop-person", (event) => void this.#stopPerson(/** @type {CustomEvent} */ (event).detail));
    this.addEventListener("ask-grown-up", (event) => void askGrownUp(/** @type {CustomEvent} */ (event).detail).catch(() => refresh()));
    this.addEventListener("recorded", (event) => this.#recorded(/** @type {CustomEvent} */ (event).detail));
    this.addEventListener("hide-this", () => this.#hide());
    this.addEventListener("paired", () => void this.#meet());
    onKnown(() => this.#learnt());
    addEventListener("hashchange", () => this.update());
    addEventListener("online", () => void refresh());
    everyWhile(CLOCK_MS, CLOCK_SELDOM_MS, () => this.#clock());
    addEventListener("pagehide", () => this.#connection.stop());
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    const call = this.querySelector("rf-call");
    if (call) {
      call.telephone = this.#telephone;
      // rf-call draws itself on every change; the pages behind it want to know presence and the preview
      const draw = this.#telephone.onchange;
      let wire = this.#telephone.wire;
      let ending = this.#telephone.call?.ending ?? null;
      this.#telephone.onchange = () => {
        draw();
        const over = this.#telephone.call?.ending ?? null;
        // the goodbye says when calls open again, and whether somebody can be asked: what was known before the call is old
        if (over && over !== ending && this.#paired) void refresh();
        ending = over;
        this.#whoIsThis();
        if (!this.#busy) this.update();
        // the server said that this device is nobody's any more: look again, and the pairing page comes up
        if (wire !== this.#telephone.wire && this.#telephone.wire === "signed-out") void refresh();
        wire = this.#telephone.wire;
      };
    }
    this.#telephone.onchanged = () => void refresh();
    const fresh = this.#connection.onfresh;
    let before = false;
    this.#connection.onfresh = () => {
      fresh();
      if (before && this.#paired) void refresh(); // what changed while the wire was away was told to nobody
      before = true;
    };
    void this.#meet();
  }

  /** Somebody rings whom this page does not know yet: they are newer than what was fetched. Asked once, or they would stay "Someone". */
  #whoIsThis() {
    const call = this.#telephone.call;
    if (!call || call.id === this.#asked || !this.#paired || call.with.every((ref) => personOf(ref))) return;
    this.#asked = call.id;
    void refresh();
  }

  get #busy() {
    return this.querySelector("rf-call")?.busy ?? false;
  }

  /** Whose screen is this? */
  async #meet() {
    try {
      const { me } = await get("/api/me").then((answer) => ({ me: answer.me ?? answer }));
      if (me.kind !== "child") throw Object.assign(new Error("not a child's device"), { status: 401 });
      useBand(bandOf(me.group));
      this.#paired = true;
      await refresh();
      // no call waits for it: a device that nobody has signed for is told so in the call
      void introduce(me.own).then((here) => here?.ring.close(), () => {});
      this.#connection.start();
    } catch (fault) {
      const status = /** @type {{status?: number}} */ (fault).status ?? -1;
      known.trouble = status === 401 || status === 403 ? "out" : status === 0 ? "offline" : "stuck";
      this.#learnt();
    }
  }

  #learnt() {
    clearTimeout(this.#again);
    if (known.trouble === "offline" || known.trouble === "stuck") this.#again = setTimeout(() => void (this.#paired ? refresh() : this.#meet()), AGAIN_MS);
    if (known.trouble === "out") {
      // unpaired while it was open: nothing of the child stays on the screen
      if (this.#paired) this.#connection.stop();
      this.#paired = false;
    }
    if (known.home) useBand(bandOf(known.home.me.group));
    document.body.classList.toggle("plain", plainLook(currentBand()));
    document.body.classList.toggle("night", known.home?.limits?.quiet_now === true);
    const call = this.querySelector("rf-call");
    if (call) {
      call.people = new Map((known.home?.people ?? []).map((person) => [person.ref, person]));
      call.opens = known.home?.limits ? opensAgain(known.home.limits) : "";
      call.update();
    }
    this.update();
  }

  /** Where there are hours or minutes, the page follows them. */
  #clock() {
    const limits = known.home?.limits;
    if (this.#paired && limits && (limits.quiet || limits.minutes !== null)) void refresh();
  }

  /** "Stop this person calling me": one press, no grown-up asked; the server ends the call both ways. @param {string} ref */
  async #stopPerson(ref) {
    const call = this.querySelector("rf-call");
    if (!call) return;
    try {
      await post(`/api/child/people/${encodeURIComponent(ref)}/block`);
      call.stopping = "done";
    } catch {
      call.stopping = "stuck";
    }
    call.update();
  }

  /** "Someone recorded me", pressed in Help or when a call is over: the call ends, and its page comes up. @param {string} call */
  #recorded(call) {
    this.#telephone.leave();
    this.#telephone.goBack();
    this.#telephone.close();
    location.hash = `#/recorded/${call}`;
  }

  /** "Hide this": nothing of a call or of Help stays on the screen or in the way back. */
  #hide() {
    this.#telephone.leave();
    this.#telephone.goBack();
    this.#telephone.close();
    history.replaceState(null, "", "#/field");
    this.update();
  }

  /** @override */
  update() {
    super.update();
    const look = this.querySelector("rf-look-at-myself");
    const [page = "", what = ""] = address();
    const person = personOf(what);
    if (look && person) {
      look.card = person;
      look.video = person.video;
      look.stop = { href: `#/block/${person.ref}`, words: words("block.link", { name: person.name }) };
      look.tell = { href: `#/recorded/${person.ref}`, words: words("recorded.link") };
      look.news = person.watch === "free" || !person.watched ? "" : words(person.watch === "present" ? "first.here" : "first.yes", { who: whoIsAsked() });
      look.telephone = this.#telephone;
    }
    const home = this.querySelector("rf-child-home");
    if (home) {
      home.presence = this.#telephone.presence;
      home.elsewhere = this.#telephone.wire === "elsewhere";
      home.update();
    }
    const quiet = this.querySelector("rf-quiet-time");
    if (quiet) { quiet.presence = this.#telephone.presence; quiet.update(); }
    const first = this.querySelector("rf-ask-first");
    if (first) { first.ref = what; first.update(); }
    const block = this.querySelector("rf-block");
    if (block) { block.ref = what; block.update(); }
    const ask = this.querySelector("rf-ask");
    if (ask) { ask.ask = what; ask.update(); }
    const recorded = this.querySelector("rf-recorded");
    if (recorded) recorded.about = what;
    const away = this.querySelector("rf-not-here");
    if (away) {
      const status = this.#telephone.presence.get(what);
      away.ref = what;
      away.status = !person?.voice ? "off" : status === "busy" ? "busy" : "away";
      away.update();
    }
    const shown = this.#busy ? "busy" : this.#pageKey(page, what);
    if (shown !== this.#shown) {
      this.#shown = shown;
      if (shown !== "busy") arrive();
    }
  }

  /** @param {string} page @param {string} what */
  #pageKey(page, what) {
    if (page === "recorded") return `recorded ${what}`;
    if (known.trouble === "out") return "pairing";
    const night = this.#shut(what) ? "night" : "";
    const call = page === "call" ? `${mustAsk(personOf(what))} ${this.#canTry(what)}` : "";
    return `${page} ${what} ${known.home ? "" : known.trouble || "loading"} ${page === "" || page === "call" ? night : ""} ${call}`;
  }

  /** Quiet time shuts the fence for everybody but one's own grown-ups; `what`: a person's page, or none. @param {string} what */
  #shut(what) {
    return known.home?.limits?.quiet_now === true && !personOf(what)?.own;
  }

  /** Somebody who is known to be busy or away, or with whom calls are switched off, gets a short page instead of a ring. @param {string} ref */
  #canTry(ref) {
    if (!personOf(ref)?.voice) return false;
    const status = this.#telephone.presence.get(ref);
    return status !== "busy" && status !== "away";
  }

  #page() {
    const [page = "", what = ""] = address();
    // never closed: not in quiet time, not without a yes, and on a screen that is nobody's it still says whom to call
    if (page === "recorded") return html`<rf-recorded data-key="recorded-${what}"></rf-recorded>`;
    if (known.trouble === "out") return html`<rf-pairing data-key="pairing"></rf-pairing>`;
    if (!known.home && page !== "field") return PAGES[""]?.();
    if (this.#shut(what) && (page === "call" || !(page in PAGES || page === "ask" || page === "block") || page === "")) return html`<rf-quiet-time data-key="quiet"></rf-quiet-time>`;
    if (page === "block") return html`<rf-block data-key="block-${what}"></rf-block>`;
    if (page === "call" && mustAsk(personOf(what))) return html`<rf-ask-first data-key="first-${what}"></rf-ask-first>`;
    if (page === "call" && personOf(what)) {
      return this.#canTry(what)
        ? html`<rf-look-at-myself data-key="look-${what}"></rf-look-at-myself>${dock("")}`
        : html`<rf-not-here data-key="away-${what}"></rf-not-here>`;
    }
    if (page === "ask") return html`<rf-ask data-key="ask-${what}"></rf-ask>`;
    return (PAGES[page] ?? PAGES[""])?.();
  }

  /** @override */
  draw() {
    const busy = this.#busy;
    return html`${busy ? null : html`<button type="button" class="button skip" data-do="skip" data-key="skip">${words("home.skip")}</button>`}
      ${scene()}<rf-call data-key="call"></rf-call>${busy ? null : this.#page()}`;
  }
}

await loadWords();
customElements.define("rf-child-app", RfChildApp);
