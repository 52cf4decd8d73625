/**
 * `rf-pairing`: this screen belongs to nobody yet. It shows a square picture and four words; a grown-up points a phone at it, or types
 * the words, and says whose screen it is. The answer arrives by asking every two seconds; the cookie comes with it.
 */
import { get, post } from "../../shared/api.js";
import { html, View } from "../../shared/html.js";
import { introduce } from "../../shared/identity.js";
import { onPress } from "../../shared/press.js";
import { arrive, sayNow } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { helpOnly, top, waiting } from "../frame.js";

const ASK_MS = 2000;
/** Modules of quiet around the square that a phone needs to find it (ISO/IEC 18004). */
const QUIET = 4;

/** @param {{size: number, rows: string[]}} square */
function qr({ size, rows }) {
  // one stroke per run of dark modules keeps the drawing small
  const path = rows.flatMap((row, y) => [...row.matchAll(/1+/g)].map((run) => `M${run.index} ${y}h${run[0].length}v1h-${run[0].length}z`)).join("");
  const box = `-${QUIET} -${QUIET} ${size + 2 * QUIET} ${size + 2 * QUIET}`;
  return html`<div class="qr"><svg viewBox="${box}" role="img" aria-label="${words("pair.qr")}" shape-rendering="crispEdges"><path d="${path}"></path></svg></div>`;
}

export class RfPairing extends View {
  /** @type {string[]} */ #words = [];
  /** @type {{size: number, rows: string[]} | null} */ #square = null;
  /** @type {"waiting" | "live" | "over" | "stuck" | "done"} */ #state = "waiting";
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  constructor() {
    super();
    onPress(this, {
      fresh: () => void this.#make(),
      go: () => this.dispatchEvent(new CustomEvent("paired", { bubbles: true })),
    });
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    void this.#make();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  async #make() {
    this.#state = "waiting";
    this.update();
    try {
      const made = await post("/api/pairings");
      this.#words = made.words;
      this.#square = made.qr ?? null;
      this.#state = "live";
      sayNow(words("pair.say", { words: this.#words.join(", ") }));
      this.#later();
    } catch {
      this.#state = "stuck";
    }
    this.update();
  }

  #later() {
    clearTimeout(this.#timer);
    if (this.isConnected) this.#timer = setTimeout(() => void this.#ask(), ASK_MS);
  }

  async #ask() {
    try {
      const { state, guardian_key: key } = await post("/api/pairings/mine");
      if (state === "waiting") return this.#later();
      if (state === "done") await this.#belong(key).catch(() => {}); // told again when the page begins
      this.#state = state === "done" ? "done" : "over";
      this.update();
      arrive();
    } catch {
      this.#later(); // no answer is no reason to begin again
    }
  }

  /** From here on this device believes the grown-up's browser that said yes, and that grown-up can sign for it. @param {string | null} key */
  async #belong(key) {
    const me = await get("/api/me");
    const here = await introduce(me.own);
    if (key) await here?.ring.belongsTo(key);
    here?.ring.close();
  }

  /** @override */
  draw() {
    if (this.#state === "done") {
      return html`${top(words("pair.done"))}<main id="main" class="column"><div class="answers"><button type="button" class="button" data-do="go">${words("pair.go")}</button></div></main>${helpOnly()}`;
    }
    return html`${top(words("pair.title"))}<main id="main" class="column pair">${
      this.#state === "waiting" ? waiting(words("home.loading"))
      : this.#state === "live" ? html`<p class="lead">${words("pair.lead")}</p>${this.#square ? qr(this.#square) : null}
          <p>${words("pair.or")}</p><ol class="code small">${this.#words.map((word) => html`<li>${word}</li>`)}</ol>`
      : html`<p class="lead">${words(this.#state === "over" ? "pair.over" : "home.stuck")}</p><button type="button" class="button" data-do="fresh">${words("pair.new")}</button>`}
      <a class="link" href="/grown-up/">${words("pair.grown-up")}</a><a class="link" href="/">${words("pair.start")}</a></main>${helpOnly()}`;
  }
}

customElements.define("rf-pairing", RfPairing);
