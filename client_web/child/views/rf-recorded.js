/**
 * `rf-recorded`: "Someone recorded me". Who it was (or: I do not know), what happened (or nothing), done: three presses, no typing.
 *
 * What was picked stays on this page until the server has it: without a network it says so, and the same report is sent again, not
 * a second one. Nothing of it is kept on the device. Who else helps stands below, also when nothing could be sent.
 */
import { ApiFault, get, post } from "../../shared/api.js";
import { html, View } from "../../shared/html.js";
import { peg } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { arrive, say } from "../../shared/say.js";
import { timeOfDay, wallTime } from "../../shared/limits.js";
import { dayNear, words } from "../../shared/words.js";
import { back, dock, top } from "../frame.js";
import { known } from "../known.js";
/** @typedef {{ref: string, name: string, avatar: number, ground: number}} Someone */
/** @typedef {{call: string, with: Someone[], at: number}} PastCall */
/** @typedef {{id: string, about: string | null, at: number, look_by: number, state: "open" | "taken" | "closed"}} Report */
/** @typedef {{kind: "remove" | "talk" | "report" | "emergency", name: string, says: string, tel: string, url: string}} Support */
/** @typedef {{calls: PastCall[], people: Someone[], reports: Report[], support: Support[], time_zone: string}} ToTell */

const WHATS = ["filmed", "shown", "threat", "wants", "seen"];
/** So many calls are offered; whoever means an older one picks the person. */
const CALLS = 4;
/** Kept in the page, so that a number is there without the network. */
const CHILDLINE = "0800 1111";

/** What was picked: a call, a person, nobody in particular, or nothing yet. @typedef {{call: string} | {ref: string} | null | undefined} Who */

/**
 * What was told, or only picked so far, on the page that is open. Help takes the page away and brings it back, and nobody must meet an empty
 * form then, as if it had been lost. Forgotten with the first step to another page, so nobody who comes later finds it.
 * @type {{hash: string, report: Report | null, who: Who, what: string[]} | null}
 */
let justTold = null;
addEventListener("hashchange", () => { justTold = null; });

const fromHere = () => (justTold?.hash === location.hash ? justTold : null);

export class RfRecorded extends View {
  /** The call or the person this was opened for. */ #about = "";
  /** @type {ToTell | null} */ #known = null;
  /** @type {Who} */ #who = fromHere()?.who;
  #what = new Set(fromHere()?.what);
  /** The page that this stands on. */ #from = location.hash;
  /** One name for this report, for as long as it is not sent. */ #request = newRequest();
  /** @type {"" | "sending" | "stuck" | "offline" | "slow" | "out"} */ #state = "";
  /** @type {Report | null} */ #done = fromHere()?.report ?? null;

  constructor() {
    super();
    onPress(this, {
      call: (control) => this.#pick({ call: control.dataset.call ?? "" }),
      ref: (control) => this.#pick({ ref: control.dataset.ref ?? "" }),
      nobody: () => this.#pick(null),
      other: () => this.#pick(undefined),
      what: (control) => { this.#what[/** @type {HTMLInputElement} */ (control).checked ? "add" : "delete"](control.id); this.#keep(); },
      send: () => void this.#send(),
      hide: () => this.dispatchEvent(new CustomEvent("hide-this", { bubbles: true })),
    });
  }

  /** @param {string} about */
  set about(about) {
    if (about === this.#about) return;
    this.#about = about;
    this.#preset();
    this.update();
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    void this.#load();
  }

  async #load() {
    try {
      this.#known = await get("/api/child/reports");
    } catch (fault) {
      if (fault instanceof ApiFault && fault.status === 401) this.#state = "out";
    }
    this.#preset();
    this.update();
  }

  /** Opened from a call or a person: that is who is meant, until somebody else is picked. */
  #preset() {
    if (this.#who !== undefined || this.#done) return;
    if (this.#calls.some((one) => one.call === this.#about)) this.#who = { call: this.#about };
    else if (this.#people.some((one) => one.ref === this.#about)) this.#who = { ref: this.#about };
  }

  get #calls() {
    return this.#known?.calls ?? [];
  }

  /** Without an answer from the server: those whom this page knows. @returns {Someone[]} */
  get #people() {
    return this.#known?.people ?? known.home?.people ?? [];
  }

  /** Help may come between. */
  #keep() {
    justTold = { hash: this.#from, report: this.#done, who: this.#who, what: [...this.#what] };
  }

  /** @param {Who} who */
  #pick(who) {
    this.#who = who;
    if (who === undefined) this.#about = "";
    this.#keep();
    this.update();
    arrive();
  }

  async #send() {
    if (this.#state === "sending") return;
    this.#state = "sending";
    this.update();
    say(words("recorded.sending"));
    try {
      this.#done = await post("/api/child/reports", { request: this.#request, about: this.#who ?? null, what: [...this.#what] });
      this.#state = "";
      this.#request = newRequest();
      this.#keep();
    } catch (fault) {
      const code = fault instanceof ApiFault ? fault.code : "internal";
      this.#state = code === "offline" ? "offline" : code === "slow_down" ? "slow" : code === "not_signed_in" ? "out" : "stuck";
    }
    this.update();
    if (this.#done) arrive();
  }

  /** @param {number} at */
  #time(at) {
    const zone = this.#known?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
    return words("day.time", { day: dayNear(at, zone), time: timeOfDay(wallTime(at, zone)) });
  }

  /** Where a page outside opens, it learns nothing of where it was opened. */
  #support() {
    const all = this.#known?.support ?? [{ kind: "talk", name: "Childline", says: "", tel: CHILDLINE, url: "" }];
    return html`<section data-key="support"><h2>${words("recorded.help-title")}</h2><ul class="rail-list">${all.map((one) => html`<li data-key="${one.kind}-${one.name}"
      ><span class="grow"><b>${words(`recorded.${one.kind}`)}: ${one.name}</b>${one.says ? html`<br>${one.says}` : null}</span>${
      one.tel ? html`<a class="button" href="tel:${one.tel.replace(/[ -]/g, "")}">${words("recorded.call", { number: one.tel })}</a>` : null}${
      one.url ? html`<a class="button" href="${one.url}" target="_blank" rel="noopener noreferrer" referrerpolicy="no-referrer">${words("recorded.open", { name: one.name })}</a>` : null}</li>`)}</ul>
      <p class="second">${words("recorded.new-tab")}</p><button type="button" class="link" data-do="hide">${words("help.hide")}</button></section>`;
  }

  #trouble() {
    return this.#state === "" || this.#state === "sending" ? null : html`<p class="panel" role="alert" data-key="trouble">${words(`recorded.${this.#state}`)}</p>`;
  }

  #askWho() {
    const before = this.#known?.reports ?? [];
    return html`${top(words("recorded.title"))}<main id="main" class="column"><p class="lead">${words("recorded.lead")}</p>${this.#trouble()}
      ${before.length ? html`<div class="panel" data-key="before">${before.slice(0, 3).map((one) => html`<p>${words("recorded.before", { time: this.#time(one.at) })} ${
        words(`recorded.state.${one.state}`, { time: this.#time(one.look_by) })}</p>`)}</div>` : null}
      <div class="help-rows" data-key="unsure"><button type="button" class="button" data-do="nobody" data-key="nobody">${words("recorded.nobody")}</button></div>
      ${this.#calls.length ? html`<section data-key="calls"><h2>${words("recorded.calls")}</h2><div class="help-rows">${this.#calls.slice(0, CALLS).map((one) => html`<button type="button"
        class="button" data-do="call" data-call="${one.call}" data-key="${one.call}">${one.with.map((each) => each.name).join(", ") || words("someone")}<span class="sub begun">${this.#time(one.at)}</span></button>`)}</div></section>` : null}
      <section data-key="people"><h2>${words("recorded.people")}</h2><div class="help-rows faces">${this.#people.map((one) => html`<button type="button" class="button" data-do="ref"
        data-ref="${one.ref}" data-key="${one.ref}">${peg(one, "small")}${one.name}</button>`)}</div></section>
      ${this.#support()}${back("#/")}</main>${dock("")}`;
  }

  get #name() {
    const who = this.#who;
    if (!who) return "";
    if ("ref" in who) return this.#people.find((one) => one.ref === who.ref)?.name ?? words("someone");
    return this.#calls.find((one) => one.call === who.call)?.with.map((each) => each.name).join(", ") || words("someone");
  }

  #askWhat() {
    return html`${top(words("recorded.what"))}<main id="main" class="column">
      <p class="lead">${this.#name ? words("recorded.about", { name: this.#name }) : words("recorded.about-nobody")} ${words("recorded.what-lead")}</p>
      <fieldset class="choices"><legend class="hidden-words">${words("recorded.what")}</legend>${WHATS.map((one) => html`<label class="choice" data-key="${one}"
        ><input type="checkbox" id="${one}" data-do="what" data-again ${this.#what.has(one) ? html`checked` : null}><span>${words(`recorded.what.${one}`)}</span></label>`)}</fieldset>
      ${this.#trouble()}
      <div class="answers"><button type="button" class="button" data-do="send" data-key="send">${words(this.#state === "sending" ? "recorded.sending" : "recorded.send")}</button
        ><button type="button" class="button" data-do="other" data-key="other">${words("recorded.back")}</button></div>
      ${this.#state && this.#state !== "sending" ? this.#support() : null}</main>${dock("")}`;
  }

  /** @param {Report} report */
  #told(report) {
    return html`${top(words("recorded.done"))}<main id="main" class="column">
      <p class="lead">${words(`recorded.state.${report.state}`, { time: this.#time(report.look_by) })}</p>
      <p>${words("recorded.fault")}</p>
      <ul class="panel can plain-list"><li>${words("recorded.pay")}</li><li>${words("recorded.keep")}</li><li>${words("recorded.trust")}</li></ul>
      <p>${words("recorded.held")} ${words("recorded.who-knows")}</p>
      <div class="answers"><a class="button" href="#/">${words("ended.ok")}</a></div>${this.#support()}</main>${dock("")}`;
  }

  /** @override */
  draw() {
    return this.#done ? this.#told(this.#done) : this.#who === undefined ? this.#askWho() : this.#askWhat();
  }
}

/** Random; says nothing. */
function newRequest() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

customElements.define("rf-recorded", RfRecorded);
