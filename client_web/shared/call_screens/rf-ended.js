/**
 * `rf-ended`: the call is over, kindly. One sentence; nobody is blamed; declined, busy, ended by the other family and not
 * there share one sentence, so that nothing leaks and nobody is hurt. Where a grown-up of one's own family ended it, it says so.
 */
import { html, View } from "../html.js";
import { avatar, ground } from "../parts.js";
import { onPress } from "../press.js";
import { say } from "../say.js";
import { currentBand, words } from "../words.js";
import { helpDock } from "./rf-help.js";
/** @typedef {import("../parts.js").Card} Card */

/** Server's code → which sentence. What is not named here is our own fault, and the sentence says so. @type {Record<string, string>} */
const SENTENCES = {
  declined: "no-answer", timeout: "no-answer", busy: "no-answer", unreachable: "no-answer", not_found: "no-answer", not_permitted: "no-answer",
  cancelled: "gone", answered_elsewhere: "elsewhere", removed: "rule", policy_revoked: "rule", contact_not_approved: "rule", needs_guardian: "guardian",
  peer_lost: "lost", media_plane_unavailable: "lost", lost: "lost", rate_limited: "slow", ended_by_supervisor: "grown-up", quiet_hours: "quiet", time_limit: "limit",
  cannot_seal: "cannot-seal", unsealed: "unsealed",
};
/** Calling again makes sense after these. */
const AGAIN = new Set(["you-left", "they-left", "no-answer", "gone", "lost"]);
/** After these the clock says when there may be calls again. */
const BY_THE_CLOCK = new Set(["quiet", "limit"]);
/** Long enough to read it twice; then home, with the focus moved. */
const HOME_AFTER_MS = 20_000;

/** @param {{code: string, by: string, who: string}} ending */
const kindOf = ({ code, by }) => (code === "left" ? (by ? "they-left" : "you-left") : SENTENCES[code] ?? "server");

/** @param {{code: string, by: string, who: string}} ending @param {string} name of the person it was with */
export function endedSentence(ending, name) {
  const kind = kindOf(ending);
  if (kind === "grown-up") return ending.who ? words("ended.grown-up", { name: ending.who }) : words("ended.grown-up-there");
  return words(`ended.${kind}`, { name });
}

export class RfEnded extends View {
  /** @type {import("../telephone.js").Telephone | null} */ telephone = null;
  /** Who it was with, and, where a page knows it, how one's grown-ups go along. @type {Card & {watch?: string, watched?: boolean} | null} */ card = null;
  /** When calls open again, in one sentence. */ opens = "";
  #said = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  constructor() {
    super();
    onPress(this, {
      ok: () => this.telephone?.close(),
      again: () => {
        // told first: closing takes this screen out of the page, and what is not in it is not heard
        this.dispatchEvent(new CustomEvent("again", { detail: this.telephone?.call?.with[0], bubbles: true }));
        this.telephone?.close();
      },
      help: () => this.telephone?.help(),
      recorded: () => this.dispatchEvent(new CustomEvent("recorded", { detail: this.telephone?.call?.id ?? "", bubbles: true })),
    });
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    this.#timer = setTimeout(() => this.telephone?.close(), HOME_AFTER_MS);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  /** When calls open again is often known only after the goodbye is there: whoever listens hears it all the same. @override */
  update() {
    super.update();
    const ending = this.telephone?.call?.ending;
    if (!this.isConnected || !ending || !this.opens || this.#said || !BY_THE_CLOCK.has(kindOf(ending))) return;
    this.#said = true;
    say(this.opens);
  }

  /** @override */
  draw() {
    const ending = this.telephone?.call?.ending;
    if (!ending || !this.card) return html``;
    const kind = kindOf(ending);
    const alone = this.telephone?.call?.with.length === 1;
    const child = currentBand() !== "adult";
    // one's own grown-up has to say yes or to come: then asking is the way on, and leads to the page that asks
    const ask = kind === "guardian" && alone && child && (this.card.watch === "ask" || this.card.watch === "present") && !this.card.watched;
    const again = AGAIN.has(kind) && alone;
    // the first sentence is the heading; the rest, where there is more, stands under it
    const [heading, ...rest] = endedSentence(ending, this.card.name ?? words("someone")).split(/(?<=[.!]) (?=\p{Lu})/u);
    if (BY_THE_CLOCK.has(kind) && this.opens) rest.push(this.opens);
    return html`<main class="middle">
      <div class="rails"><div class="post big ${ground(this.card.ground)}" aria-hidden="true">${avatar(this.card.avatar)}</div></div>
      <h1 tabindex="-1">${heading}</h1>
      ${rest.length ? html`<p class="lead">${rest.join(" ")}</p>` : null}
      <div class="answers">
        <button type="button" class="button" data-do="ok"><span>${words("ended.ok")}</span></button>
        ${again ? html`<button type="button" class="button" data-do="again"><span>${words("ended.again")}</span></button>` : null}
        ${ask ? html`<button type="button" class="button" data-do="again" data-key="ask"><span>${words("ring.ask")}</span></button>` : null}
      </div>
      ${child ? html`<button type="button" class="link" data-do="help">${words("ended.odd")}</button>
        <button type="button" class="link" data-do="recorded">${words("recorded.link")}</button><p class="second">${words("call.record")}</p>` : null}
    </main>${child ? helpDock() : null}`;
  }
}

customElements.define("rf-ended", RfEnded);
