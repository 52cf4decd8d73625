/**
 * `rf-self`: my own picture in the corner. Behind its curtain while the camera is off. "Hide my picture from me" keeps a bright
 * frame and the words "You are on camera", so that hiding can never be taken for off.
 */
import { html, View } from "../html.js";
import { icon } from "../parts.js";
import { keepFocus, onPress } from "../press.js";
import { words } from "../words.js";

export class RfSelf extends View {
  /** @type {import("../telephone.js").Telephone | null} */ #telephone = null;
  #hidden = false;

  constructor() {
    super();
    onPress(this, {
      hide: () => { this.#hidden = !this.#hidden; this.update(); },
      show: () => this.#telephone?.setCamera(true),
    });
  }

  /** @param {import("../telephone.js").Telephone | null} telephone */
  set telephone(telephone) {
    this.#telephone = telephone;
    this.update();
  }

  /** @override */
  update() {
    keepFocus(this, () => super.update(), () => this.querySelector("button") ?? document.querySelector(".dock [data-do=camera]"));
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
    const telephone = this.#telephone;
    const camera = telephone?.camera ?? "off";
    const open = camera === "on";
    const shutWords = camera === "stuck" ? "self.stuck" : camera === "refused" || !telephone?.call?.mayShow ? "self.voice-only" : "self.shut";
    return html`<figure class="self" aria-label="${words("self.label")}">
      <video autoplay playsinline muted disablepictureinpicture aria-hidden="true"></video>
      <rf-curtain ${open ? html`open` : null}></rf-curtain>
      ${open && this.#hidden ? html`<div class="on-camera">${words("self.on-camera")}</div>` : null}
      ${open ? html`<button type="button" class="button corner" data-do="hide" aria-pressed="${String(this.#hidden)}">${icon(this.#hidden ? "eye" : "eye-off")}<span
        class="hidden-words">${words("self.hide")}</span></button>` : null}
      ${open && !this.#hidden ? html`<figcaption class="label">${words("self.you")}</figcaption>` : null}
      ${open ? null : html`<div class="on-curtain"><p>${words(shutWords)}</p>${shutWords === "self.shut"
        ? html`<button type="button" class="button" data-do="show">${words("self.show")}</button>` : null}</div>`}
    </figure>`;
  }
}

customElements.define("rf-self", RfSelf);
