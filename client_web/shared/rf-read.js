/**
 * `rf-read`: reads the page aloud, sentence by sentence, with a voice that lives on this device. A voice from elsewhere would
 * send the words away, so without a local voice the button is not there at all. Any tap stops it.
 */
import { html, View } from "./html.js";
import { icon } from "./parts.js";
import { onPress } from "./press.js";
import { words } from "./words.js";

/** A voice of this device, in the page's language if there is one. */
const localVoice = () => {
  const voices = (globalThis.speechSynthesis?.getVoices() ?? []).filter((voice) => voice.localService === true);
  return voices.find((voice) => voice.lang.startsWith(document.documentElement.lang)) ?? voices[0] ?? null;
};

export class RfRead extends View {
  /** @type {Element | null} */ #reading = null;
  #stop = () => {
    globalThis.speechSynthesis?.cancel();
    this.#mark(null);
  };
  #voicesCame = () => this.update();

  constructor() {
    super();
    onPress(this, { read: () => this.#read() });
  }

  /** @override */
  connectedCallback() {
    globalThis.speechSynthesis?.addEventListener?.("voiceschanged", this.#voicesCame);
    document.addEventListener("pointerdown", this.#stop);
    super.connectedCallback();
  }

  disconnectedCallback() {
    globalThis.speechSynthesis?.removeEventListener?.("voiceschanged", this.#voicesCame);
    document.removeEventListener("pointerdown", this.#stop);
    this.#stop();
  }

  /** @override */
  draw() {
    return localVoice() === null ? html`` : html`<button type="button" class="button round read-aloud" data-do="read"
      >${icon("say")}<span class="hidden-words">${words("read.aloud")}</span></button>`;
  }

  /** @param {Element | null} element */
  #mark(element) {
    this.#reading?.classList.remove("being-read");
    element?.classList.add("being-read");
    this.#reading = element;
  }

  #read() {
    const voice = localVoice();
    if (!voice) return;
    this.#stop();
    const order = "h1, main h2, main p, main li, main .button, main label, main .words-line, .lead";
    const blocks = [...document.querySelectorAll(order)].filter(
      (block) => !block.parentElement?.closest(order) && /** @type {HTMLElement} */ (block).offsetParent !== null,
    );
    for (const block of blocks) {
      const text = block.textContent?.replace(/\s+/g, " ").trim();
      if (!text) continue;
      const line = new SpeechSynthesisUtterance(text);
      line.voice = voice;
      line.lang = voice.lang;
      line.rate = 0.9;
      line.onstart = () => this.#mark(block);
      line.onend = () => this.#mark(null);
      speechSynthesis.speak(line);
    }
  }
}

customElements.define("rf-read", RfRead);
