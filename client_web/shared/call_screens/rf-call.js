/**
 * `rf-call`: shows whatever the telephone is doing, and nothing while it rests. A page puts one of these in, gives it the
 * telephone and the people, and hides its own screens while `busy`. Events: `busy` (it became busy or free), `again` (call this
 * ref again), `stop-person` (end the contact with this ref), `hide-this` (leave no trace of Help on the screen).
 */
import { html, View } from "../html.js";
import { play, silence } from "../sounds.js";
import { arrive, entitle, say, sayNow } from "../say.js";
import { words } from "../words.js";
import { seenSentences } from "./rf-seen-by.js";
import "./rf-ended.js";
import "./rf-help.js";
import { troubleOf } from "./rf-in-call.js";
import "./rf-ringing.js";
/** @typedef {import("../parts.js").Card} Card */

export class RfCall extends View {
  /** @type {import("../telephone.js").Telephone | null} */ #telephone = null;
  /** Everybody who may call, by ref. @type {Map<string, Card>} */ people = new Map();
  /** When this person's calls open again, in one sentence; empty while they are open, and where nobody closes them. */ opens = "";
  /** Said on the Help page after "Stop this person calling me". @type {"" | "busy" | "done" | "stuck"} */ stopping = "";
  /** Who was in this call, kept until it is put away: a contact that has just been ended has still a face on the last page. @type {Map<string, Card>} */
  #met = new Map();
  #was = "";
  #seen = "";
  /** What was last said of a ring: a name that comes after it is said too. */
  #rung = "";

  /** @param {import("../telephone.js").Telephone} telephone */
  set telephone(telephone) {
    this.#telephone = telephone;
    telephone.onchange = () => this.update();
    telephone.onblank = () => {
      this.querySelector("rf-in-call")?.blank();
      silence();
    };
    telephone.onperson = (kind, ref) => {
      play(kind);
      say(words(kind === "came-in" ? "call.came-in" : "call.went-out", { name: this.#cardOf(ref).name ?? "" }));
    };
    telephone.onsoon = (minutes) => {
      if (telephone.helping) return; // Help is silence, and no time presses there
      play("soon");
      say(words("call.soon", { n: minutes }));
    };
    this.update();
  }

  /** Is there a call, a ring, a goodbye or Help to show? */
  get busy() {
    return this.#telephone !== null && (this.#telephone.call !== null || this.#telephone.helping);
  }

  /** @param {string} ref @returns {Card} */
  #cardOf(ref) {
    return this.people.get(ref) ?? this.#met.get(ref) ?? { name: words("someone"), avatar: -1, ground: 6 };
  }

  #screen() {
    const telephone = this.#telephone;
    if (!telephone) return "";
    if (telephone.helping) return "help";
    if (!telephone.call) return "";
    return telephone.call.phase === "ringing" ? "ringing" : telephone.call.phase === "over" ? "ended" : "in-call";
  }

  /** @override */
  draw() {
    switch (this.#screen()) {
      case "help": return html`<rf-help data-key="help"></rf-help>`;
      case "ringing": return html`<rf-ringing data-key="ringing"></rf-ringing>`;
      case "ended": return html`<rf-ended data-key="ended"></rf-ended>`;
      case "in-call": return html`<rf-in-call data-key="in-call"></rf-in-call>`;
      default: return html``;
    }
  }

  /** @override */
  update() {
    super.update();
    const telephone = this.#telephone;
    if (!telephone || !this.isConnected) return;
    if (!telephone.call) this.#met.clear();
    for (const ref of telephone.call?.with ?? []) this.#met.set(ref, this.#cardOf(ref));
    const cards = (telephone.call?.with ?? []).map((ref) => this.#cardOf(ref));
    const help = this.querySelector("rf-help");
    if (help) {
      help.people = (telephone.call?.with ?? []).filter((ref) => this.people.has(ref)).map((ref) => ({ ref, card: this.#cardOf(ref) }));
      help.stopping = this.stopping;
    } else this.stopping = "";
    const ringing = this.querySelector("rf-ringing");
    if (ringing) ringing.cards = cards;
    const ended = this.querySelector("rf-ended");
    if (ended) {
      ended.card = cards[0] ?? null;
      ended.opens = this.opens;
    }
    const inCall = this.querySelector("rf-in-call");
    if (inCall) inCall.cardOf = (ref) => this.#cardOf(ref);
    for (const screen of [help, ringing, ended, inCall]) {
      if (!screen) continue;
      screen.telephone = telephone;
      screen.update();
    }
    this.#tell(this.#screen());
  }

  /** Focus, sound and spoken words, when the screen has changed. @param {string} screen */
  #tell(screen) {
    const telephone = /** @type {import("../telephone.js").Telephone} */ (this.#telephone);
    document.body.classList.toggle("in-call", screen === "in-call");
    const calling = telephone.call?.phase === "calling" ? "calling" : "";
    const now = `${screen} ${screen === "help" ? this.stopping : calling} ${telephone.call?.id && screen !== "in-call" ? telephone.call.id : ""}`;
    if (now !== this.#was) {
      const before = this.#was.split(" ")[0];
      this.#was = now;
      if (screen !== "in-call" || !calling) silence();
      if (screen === "ringing") {
        play("ring-in");
        navigator.vibrate?.([200, 100, 200]);
      }
      if (screen === "in-call" && calling) play("ring-out");
      if (screen === "help") sayNow(this.querySelector("rf-help")?.spoken ?? "");
      if (before !== screen) this.dispatchEvent(new CustomEvent("busy", { bubbles: true }));
      if (screen && (before !== screen || screen === "help")) arrive();
    }
    const rung = screen === "ringing" ? (this.querySelector("rf-ringing")?.spoken ?? "") : "";
    if (rung && rung !== this.#rung) sayNow(rung);
    this.#rung = rung;
    // the heading changes without a new screen: from "Calling Gran …" to the name, and when the name of a ring is known after it
    if (screen === "in-call" || screen === "ringing") entitle();
    if (screen === "in-call" && telephone.call) {
      const names = (/** @type {string[]} */ refs) => refs.map((ref) => this.#cardOf(ref).name ?? "");
      const seen = seenSentences({
        camera: telephone.camera === "on", microphone: telephone.microphone === "on",
        seenBy: names(telephone.call.seenBy), heardBy: names(telephone.call.heardBy),
      }).join(" ");
      const trouble = telephone.call.with.map((ref) => troubleOf(telephone, ref, this.#cardOf(ref).name ?? words("someone"))).filter(Boolean);
      const line = telephone.looking ? words("call.lost", { name: this.#cardOf(telephone.call.with[0] ?? "").name ?? "" }) : [seen, ...new Set(trouble)].join(" ");
      if (line !== this.#seen) (telephone.looking ? sayNow : say)(line);
      this.#seen = line;
    } else this.#seen = "";
  }
}

customElements.define("rf-call", RfCall);
