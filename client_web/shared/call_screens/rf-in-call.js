/**
 * `rf-in-call`: the call itself. Their picture takes the screen, mine the corner; a plate says who can see and hear me; the
 * dock never hides and never moves: Help, microphone, camera, Leave. With up to seven others everybody has a tile of one size,
 * mine the last, and the plate stands above them; the order of the tiles is the order of the call and never jumps with sound. On a small
 * screen the tiles scroll, and can be scrolled with the keys.
 * Leave asks no question.
 */
import { html, View } from "../html.js";
import { avatar, ground, icon, peg } from "../parts.js";
import { onPress } from "../press.js";
import { currentBand, listed, words } from "../words.js";
import "./rf-curtain.js";
import "./rf-picture.js";
import "./rf-seen-by.js";
import "./rf-self.js";
/** @typedef {import("../parts.js").Card} Card */

const KEYS_KEY = "ringfence.keys";
/** One letter, one control; only while no field has the focus, and only while the person wants it (WCAG 2.1.4). @type {Record<string, string>} */
const KEYS = { m: "microphone", v: "camera", l: "leave", h: "help" };

/** Do single keys work in a call? Kept on this device. */
export const keysOn = () => localStorage.getItem(KEYS_KEY) !== "off";

/** @param {boolean} on */
export const setKeys = (on) => localStorage.setItem(KEYS_KEY, on ? "on" : "off");

/** Why nothing of somebody in the call is shown or heard, and what to do; or nothing. @param {import("../telephone.js").Telephone} telephone @param {string} ref @param {string} name */
export const troubleOf = (telephone, ref, name) =>
  telephone.unsigned.has(ref) ? words(telephone.unsigned.get(ref) === "own" ? "call.unsigned-own" : "call.unsigned", { name })
  : telephone.shut.has(ref) ? words("call.shut", { name }) : "";

export class RfInCall extends View {
  /** @type {import("../telephone.js").Telephone | null} */ telephone = null;
  /** @type {(ref: string) => Card} */ cardOf = () => ({ name: words("someone"), avatar: -1, ground: 0 });

  constructor() {
    super();
    onPress(this, {
      help: () => this.telephone?.help(),
      microphone: () => this.telephone?.setMicrophone(this.telephone.microphone !== "on"),
      camera: () => this.telephone?.setCamera(this.telephone.camera !== "on" && this.telephone.camera !== "opening"),
      leave: () => this.telephone?.leave(),
    });
  }

  #key = (/** @type {KeyboardEvent} */ event) => {
    if (!keysOn() || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea, dialog")) return;
    const control = KEYS[event.key.toLowerCase()];
    if (control) /** @type {HTMLElement | null} */ (this.querySelector(`.dock [data-do="${control}"]`))?.click();
  };

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("keydown", this.#key);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#key);
  }

  /** Take down every picture and sound, in this very moment. */
  blank() {
    const tracks = this.telephone?.tracks;
    for (const picture of this.querySelectorAll("rf-picture")) {
      const ref = picture.getAttribute("data-ref") ?? "";
      if (!tracks?.has(ref) || this.telephone?.helping) picture.blank();
      if (!tracks?.has(ref) || this.telephone?.helping) picture.parentElement?.querySelector("rf-curtain")?.removeAttribute("open");
    }
  }

  /** @override */
  update() {
    super.update();
    const telephone = this.telephone;
    const call = telephone?.call;
    if (!telephone || !call) return;
    for (const picture of this.querySelectorAll("rf-picture")) {
      picture.show(telephone.tracks.get(picture.getAttribute("data-ref") ?? "") ?? null, telephone.helping);
    }
    const self = this.querySelector("rf-self");
    if (self) self.telephone = telephone;
    for (const seen of this.querySelectorAll("rf-seen-by")) {
      seen.now = { camera: telephone.camera === "on", microphone: telephone.microphone === "on", seenBy: this.#names(call.seenBy), heardBy: this.#names(call.heardBy) };
    }
  }

  /** @override */
  draw() {
    const telephone = this.telephone;
    const call = telephone?.call;
    if (!telephone || !call) return html``;
    const there = call.with.filter((ref) => call.legs.some((leg) => leg.ref === ref && leg.state !== "left"));
    const others = there.length ? there : call.with.slice(0, 1);
    const alone = others.length === 1;
    return html`<main class="call">
        ${alone ? null : html`<div class="group-plate ${others.length > 3 ? "many" : ""}" data-key="plate"><h1 tabindex="-1">${listed(this.#names(others))}</h1><rf-seen-by></rf-seen-by>${
          [this.#note(), this.#firstTrouble(others)].filter(Boolean).map((note) => html`<p class="note">${note}</p>`)}</div>`}
        <div class="stage ${alone ? "with-self" : "group"}" data-tiles="${others.length + 1}" ${alone ? null : html`role="group" tabindex="0" aria-label="${words("call.tiles")}"`}>
          ${others.map((ref) => this.#tile(ref, alone))}
          <rf-self data-key="self"></rf-self>
        </div>
        <p class="record">${words("call.record")}</p>
      </main>
      ${this.#dock()}`;
  }

  /** @param {string[]} refs */
  #names(refs) {
    return refs.map((ref) => this.cardOf(ref).name ?? words("someone"));
  }

  /** What is to be said about this device or the time, and of nobody in the call. */
  #note() {
    const telephone = /** @type {import("../telephone.js").Telephone} */ (this.telephone);
    const soon = telephone.call?.soon;
    return soon ? words("call.soon", { n: soon.minutes })
      : telephone.microphone === "stuck" ? words("call.mic-stuck")
      : telephone.camera === "stuck" ? words("self.stuck-help")
      : "";
  }

  /** A tile of several has room for two words; the sentence that says what to do stands on the plate, once. @param {string[]} refs */
  #firstTrouble(refs) {
    const telephone = /** @type {import("../telephone.js").Telephone} */ (this.telephone);
    const ref = refs.find((each) => telephone.unsigned.has(each)) ?? refs.find((each) => telephone.shut.has(each));
    return ref === undefined ? "" : troubleOf(telephone, ref, this.cardOf(ref).name ?? words("someone"));
  }

  /** @param {string} ref @param {boolean} alone nobody else is in the call, so the plate and the notes are on this tile */
  #tile(ref, alone) {
    const telephone = /** @type {import("../telephone.js").Telephone} */ (this.telephone);
    const call = /** @type {import("../call.js").Call} */ (telephone.call);
    const card = this.cardOf(ref);
    const leg = call.legs.find((each) => each.ref === ref);
    const name = card.name ?? words("someone");
    const here = leg?.state === "connected";
    const shown = here && leg.video && !telephone.looking && !!telephone.tracks.get(ref)?.video;
    const short = alone ? "call" : "tile"; // under a name two words are a sentence
    const sign = call.phase === "calling" ? ""
      : telephone.looking || leg?.state === "lost" ? words(`${short}.lost`, { name })
      : !here ? words(`${short}.connecting`, { name })
      : troubleOf(telephone, ref, name) ? (alone ? troubleOf(telephone, ref, name)
        : words(telephone.unsigned.get(ref) === "own" ? "tile.unsigned-own" : telephone.unsigned.has(ref) ? "tile.unsigned" : "tile.shut"))
      : !leg.sealed ? words(`${short}.connecting`, { name }) // their device has confirmed no keys yet: nothing of theirs comes
      : alone ? this.#note() : "";
    const calling = call.phase === "calling" ? words("call.calling", { name: listed(this.#names(call.with)) }) : "";
    return html`<section class="tile ${ground(card.ground)}" data-key="${ref}" aria-label="${name}">
      <div class="standing" aria-hidden="true"><div class="rails"><div class="post big ${ground(card.ground)}">${avatar(card.avatar)}</div></div></div>
      <rf-picture data-ref="${ref}" ${shown ? null : html`hidden`}></rf-picture>
      ${shown ? html`<rf-curtain open></rf-curtain>` : null}
      <div class="nameplate">${peg(card, "small")}<div class="words">${alone
        ? html`<h1 tabindex="-1">${calling || name}</h1><rf-seen-by></rf-seen-by>`
        : html`<h2>${name}</h2>${sign ? html`<p class="sign">${sign}</p>` : null}`}</div></div>
      ${sign && alone ? html`<p class="sign">${sign}</p>` : null}
    </section>`;
  }

  #dock() {
    const telephone = /** @type {import("../telephone.js").Telephone} */ (this.telephone);
    const cameraPossible = telephone.call?.phase !== "active" || telephone.call.mayShow;
    /** @param {"microphone" | "camera"} what @param {import("../parts.js").IconName} on @param {import("../parts.js").IconName} off @param {boolean} possible */
    const toggle = (what, on, off, possible) => {
      const open = telephone[what] === "on";
      return html`<button type="button" class="dock-button ${open ? "on" : "off"}" data-do="${what}" data-again data-key="${what}"
        ${possible ? null : html`aria-disabled="true" aria-describedby="why-no-camera"`}>${icon(open ? on : off)}<span>${words(`dock.${what}.${open ? "on" : "off"}`)}</span></button>`;
    };
    return html`<nav class="dock call-dock" aria-label="${words("dock.call")}">
      ${currentBand() === "adult" ? null : html`<button type="button" class="dock-button help" data-do="help">${icon("help")}<span>${words("dock.help")}</span></button>`}
      ${toggle("microphone", "mic", "mic-off", true)}
      ${toggle("camera", "cam", "cam-off", cameraPossible)}
      ${cameraPossible ? null : html`<span class="hidden-words" id="why-no-camera">${words("self.voice-only")}</span>`}
      <button type="button" class="dock-button leave" data-do="leave">${icon("leave")}<span>${words("dock.leave")}</span></button></nav>`;
  }
}

customElements.define("rf-in-call", RfInCall);
