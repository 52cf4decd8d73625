/**
 * `rf-help`: the page behind Help. By the time it is drawn our own camera and microphone have been stopped and the others'
 * pictures and sound are covered (telephone.help()). It asks no reason, makes no sound and promises only what is true.
 */
import { html, View } from "../html.js";
import { icon } from "../parts.js";
import { onPress } from "../press.js";
import "../rf-read.js";
import { isLive } from "../call.js";
import { words } from "../words.js";
/** @typedef {import("../parts.js").Card} Card */

/** The number for this country, kept in the page so that Help works offline. */
const CHILDLINE = "0800 1111";

/** The dock of a screen that has nothing but Help. */
export const helpDock = () => html`<nav class="dock" aria-label="${words("dock.label")}"
  ><button type="button" class="dock-button help" data-do="help">${icon("help")}<span>${words("dock.help")}</span></button></nav>`;

export class RfHelp extends View {
  /** @type {import("../telephone.js").Telephone | null} */ telephone = null;
  /** @type {{ref: string, card: Card}[]} who was, or is, in the call */ people = [];
  /** Said after "Stop this person calling me". @type {"" | "busy" | "done" | "stuck"} */ stopping = "";

  constructor() {
    super();
    onPress(this, {
      leave: () => { this.telephone?.leave(); this.#back(); },
      back: () => this.#back(),
      recorded: () => this.dispatchEvent(new CustomEvent("recorded", { detail: this.telephone?.call?.id ?? "", bubbles: true })),
      stop: (control) => this.dispatchEvent(new CustomEvent("stop-person", { detail: control.dataset.ref, bubbles: true })),
      hide: () => this.dispatchEvent(new CustomEvent("hide-this", { bubbles: true })),
      help: () => this.querySelector("h1")?.focus(),
    });
  }

  #back() {
    this.stopping = "";
    this.telephone?.goBack();
    if (!isLive(this.telephone?.call ?? null)) this.telephone?.close();
  }

  /** What is said, at once: only after both own tracks have said that they ended. */
  get spoken() {
    if (!this.telephone?.helpWorked) return words("help.cover");
    return isLive(this.telephone.call) && this.telephone.call?.phase !== "ringing" ? `${words("help.lead")} ${words("help.calm")}` : words("help.calm");
  }

  /** @override */
  draw() {
    const call = this.telephone?.call ?? null;
    const inCall = isLive(call) && call?.phase !== "ringing";
    if (this.stopping === "done") {
      return html`<main class="middle"><h1 tabindex="-1">${words("help.stopped", { name: this.people[0]?.card.name ?? words("someone") })}</h1>
        <p class="lead">${words("help.stopped-lead", { name: this.people[0]?.card.name ?? words("someone") })}</p>
        <div class="answers"><button type="button" class="button" data-do="back">${words("ended.ok")}</button></div></main>${helpDock()}`;
    }
    return html`<header class="top"><h1 tabindex="-1">${words(inCall ? "help.title" : "help.title-home")}</h1><rf-read></rf-read></header>
      <main class="column">
        ${inCall ? html`<p class="lead">${words(this.telephone?.helpWorked ? "help.lead" : "help.cover")}</p>` : null}
        <p>${words("help.calm")}</p>
        ${this.stopping === "stuck" ? html`<p class="panel" role="alert">${words("help.stop-stuck")}</p>` : null}
        <div class="help-rows">
          ${inCall ? html`<button type="button" class="button leave" data-do="leave" data-key="leave">${words("help.leave")}</button>` : null}
          <a class="button" href="tel:${CHILDLINE.replace(" ", "")}" data-key="talk">${words("help.talk")}<span class="sub">${words("help.talk-sub", { number: CHILDLINE })}</span></a>
          <button type="button" class="button" data-do="recorded" data-key="recorded">${words("help.recorded")}${inCall ? html`<span class="sub">${words("help.recorded-sub")}</span>` : null}</button>
          ${this.people.map(({ ref, card }) => html`<button type="button" class="button" data-do="stop" data-ref="${ref}" data-key="stop-${ref}"
            >${this.people.length === 1 ? words("help.stop") : words("help.stop-name", { name: card.name ?? words("someone") })}</button>`)}
          <button type="button" class="button" data-do="back" data-key="back">${words("help.back")}</button>
        </div>
        <p class="second">${words("help.who-knows")}</p>
        <p class="second">${words("help.truth")}</p>
        <button type="button" class="link" data-do="hide">${words("help.hide")}</button>
      </main>${helpDock()}`;
  }
}

customElements.define("rf-help", RfHelp);
