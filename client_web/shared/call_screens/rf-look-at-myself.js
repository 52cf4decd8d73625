/**
 * `rf-look-at-myself`: before calling, what others would see. The picture stays on this device; the curtain is shut until the
 * first tap. Three answers of one size: call with camera, call with voice, back. The call itself still starts with the curtain shut.
 */
import { html, View } from "../html.js";
import { icon } from "../parts.js";
import { keepFocus, onPress } from "../press.js";
import { words } from "../words.js";
import "../rf-read.js";
import "./rf-curtain.js";
/** @typedef {import("../parts.js").Card} Card */

export class RfLookAtMyself extends View {
  /** @type {import("../telephone.js").Telephone | null} */ #telephone = null;
  /** @type {Card | null} */ card = null;
  /** May there be a picture with this person at all? */ video = false;
  /** A way to stop this person calling, where the page has one. @type {{href: string, words: string} | null} */ stop = null;
  /** A way to tell us that this person recorded me, where the page has one. @type {{href: string, words: string} | null} */ tell = null;
  /** What was just heard from a grown-up: one sentence, or none. */ news = "";

  constructor() {
    super();
    onPress(this, {
      look: () => this.#telephone?.preview(),
      call: (control) => this.dispatchEvent(new CustomEvent("call", { detail: control.dataset.media, bubbles: true })),
      back: () => this.dispatchEvent(new CustomEvent("back", { bubbles: true })),
    });
  }

  /** @param {import("../telephone.js").Telephone | null} telephone */
  set telephone(telephone) {
    this.#telephone = telephone;
    this.update();
  }

  disconnectedCallback() {
    this.#telephone?.endPreview();
  }

  /** @override */
  update() {
    // where the button was, the picture is: the answers stay unchosen
    keepFocus(this, () => super.update(), () => this.querySelector(".mirror"));
    const video = this.querySelector("video");
    const mine = this.#telephone?.mine ?? null;
    if (video && video.srcObject !== mine) {
      video.muted = true;
      video.srcObject = mine;
      if (mine) video.play().catch(() => {});
    }
  }

  /** @override */
  draw() {
    const camera = this.#telephone?.camera ?? "off";
    const open = camera === "on";
    const stuck = camera === "stuck";
    const name = this.card?.name ?? words("someone");
    return html`<header class="top"><h1 tabindex="-1">${this.video ? words("look.title") : words("look.title-voice", { name })}</h1><rf-read></rf-read></header>
      <main class="column">
        ${this.news ? html`<p class="plate-line ok" data-key="news">${icon("tick")}<span>${this.news}</span></p>` : null}
        ${this.video ? html`<p class="lead">${stuck ? words("look.blocked") : words("look.lead")}</p>
          <div class="mirror" role="group" tabindex="-1" aria-label="${words("self.label")}"><video autoplay playsinline muted disablepictureinpicture aria-hidden="true"></video>
            <rf-curtain ${open ? html`open` : null}></rf-curtain>
            ${open || stuck ? null : html`<div class="over"><button type="button" class="button" data-do="look">${icon("eye")}${words("look.open")}</button></div>`}</div>
          ${open ? html`<p>${words("look.check")} ${words("look.light")}</p>` : null}
          <p class="second">${words("look.starts-shut")}</p>`
        : html`<p class="lead">${words("look.voice-only", { name })}</p>`}
        <div class="answers">
          ${this.video ? html`<button type="button" class="button" data-do="call" data-media="video" data-key="video">${icon("cam")}<span>${words("look.yes")}</span></button>` : null}
          <button type="button" class="button" data-do="call" data-media="audio" data-key="audio">${icon("mic")}<span>${words("look.voice")}</span></button>
          <button type="button" class="button" data-do="back" data-key="back">${icon("back")}<span>${words("look.no")}</span></button>
        </div>
        <p class="second">${words("call.record")}</p>
        ${this.stop ? html`<a class="link" href="${this.stop.href}" data-key="stop">${this.stop.words}</a>` : null}
        ${this.tell ? html`<a class="link" href="${this.tell.href}" data-key="tell">${this.tell.words}</a>` : null}
      </main>`;
  }
}

customElements.define("rf-look-at-myself", RfLookAtMyself);
