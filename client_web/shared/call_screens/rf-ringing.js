/**
 * `rf-ringing`: somebody calls. Their post, who else is in it, what Answer will do, and two answers of one size.
 * Nothing is opened and nobody is told anything before Answer is pressed. Escape is Not now; Enter never answers by itself.
 */
import { html, View } from "../html.js";
import { ground, avatar, icon, peg } from "../parts.js";
import { onPress } from "../press.js";
import { currentBand, listed, words } from "../words.js";
import { helpDock } from "./rf-help.js";
/** @typedef {import("../parts.js").Card} Card */
/** How a child's grown-ups go along with calls with this person; other pages' cards have none of it. @typedef {Card & {watch?: string, watched?: boolean, asked?: boolean}} Watched */

export class RfRinging extends View {
  /** @type {import("../telephone.js").Telephone | null} */ telephone = null;
  /** @type {Card[]} the caller first */ cards = [];

  #key = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) this.telephone?.notNow();
  };

  constructor() {
    super();
    onPress(this, {
      answer: () => this.telephone?.answer(),
      ask: () => this.dispatchEvent(new CustomEvent("ask-grown-up", { detail: this.telephone?.call?.with[0] ?? "", bubbles: true })),
      "not-now": () => this.telephone?.notNow(),
      help: () => this.telephone?.help(),
    });
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("keydown", this.#key);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#key);
  }

  /** What is said once, at once, when it rings. */
  get spoken() {
    return `${this.#title()}. ${this.#who()} ${words("ring.camera")}`;
  }

  #title() {
    return words("ring.title", { name: this.cards[0]?.name ?? words("someone") });
  }

  #who() {
    const names = this.cards.map((card) => card.name ?? words("someone"));
    return names.length === 1 ? words("ring.only", { name: names[0] ?? "" }) : words("ring.group", { names: listed(names) });
  }

  /** Must a grown-up say yes before this ring is answered? */
  get mustAsk() {
    return this.cards.some((/** @type {Watched} */ card) => (card.watch === "ask" || card.watch === "present") && !card.watched);
  }

  /** @override */
  draw() {
    const [caller, ...others] = this.cards;
    if (!caller) return html``;
    const asked = this.cards.some((/** @type {Watched} */ card) => card.asked);
    return html`<main class="middle ring-frame">
      <h1 tabindex="-1">${this.#title()}</h1>
      <div class="rails"><div class="post big rocking ${ground(caller.ground)}" aria-hidden="true">${avatar(caller.avatar)}</div></div>
      ${others.length ? html`<ul class="group">${others.map((card) => html`<li class="chip">${peg(card, "small")}${card.name}</li>`)}</ul>` : null}
      <p class="lead">${this.#who()}</p>
      <p id="answer-means">${words(!this.mustAsk ? "ring.answer-means" : asked ? "ring.asked" : "ring.ask-means")}</p>
      <div class="answers">
        <button type="button" class="button" data-do="not-now">${icon("no")}<span>${words("ring.no")}</span></button>
        ${this.mustAsk ? html`<button type="button" class="button" data-do="ask" data-key="ask" aria-describedby="answer-means" ${asked ? html`aria-disabled="true"` : null}>${icon("hand")}<span>${words("ring.ask")}</span></button>`
        : html`<button type="button" class="button" data-do="answer" data-key="answer" aria-describedby="answer-means">${icon("tick")}<span>${words("ring.yes")}</span></button>`}
      </div></main>
      ${currentBand() === "adult" ? null : helpDock()}`;
  }
}

customElements.define("rf-ringing", RfRinging);
