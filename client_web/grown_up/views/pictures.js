/**
 * Two grown-ups compare five pictures, once, on the telephone or side by side: the page, step by step, and the line in the list of contacts
 * that says whether it has been done. The pictures are large, each has its word, and they stand in one column on a phone, because they
 * are read out one after the other. Both answers weigh the same: a tired hand must not be led to "the same".
 */
import { ApiFault } from "../../shared/api.js";
import { html } from "../../shared/html.js";
import { everyWhile } from "../../shared/idle.js";
import { chip, icon, peg } from "../../shared/parts.js";
import { picture, PICTURES } from "../../shared/pictures.js";
import { words } from "../../shared/words.js";
import { standingOf } from "../compared.js";
import { advance, begin, found, join, leftHere, putAway, say, stageOf } from "../comparing.js";
import { faultOf, look, renew } from "../known.js";
import { Page, stuck, waiting } from "../page.js";
import { to } from "../route.js";
import { signedElsewhere, signingKey, takeOver, toSign } from "../signing.js";
import { telephoneIsHere } from "../telephone.js";
import { whose } from "../whose.js";

/** @typedef {import("../../shared/html.js").Markup} Markup */
/** @typedef {import("../facts.js").Exchange} Exchange */
/** @typedef {import("../facts.js").Contact} Contact */
/** @typedef {import("../comparing.js").Stage} Stage */
/** @typedef {Record<string, string>} Fill */

/**
 * How often it is looked, while a comparison runs, whether the other one has done something. Over the wire the server says so by itself, so
 * then every sixth time is enough; and while nobody is at the page it is seldom.
 */
const LOOK_MS = 2500;
const WITH_WIRE = 6;
const LOOK_SELDOM_MS = 30_000;

/** What the list says beside a contact. @param {Contact} one */
export function picturesNote(one) {
  if (!one.pictures?.can) return null;
  const fill = { name: one.name, other: one.looked_after_by ?? one.name };
  const standing = standingOf(one.ref);
  if (one.pictures.doubt) return html`<p class="second note" data-key="pictures">${chip("stop", "no", words("pictures.differ"))} ${words(`pictures.doubt-${one.pictures.doubt}`, fill)}</p>`;
  if (one.pictures.waits) return html`<p class="second note" data-key="pictures">${chip("wait", "wait", words("pictures.begun"))} ${words("pictures.waits", fill)}</p>`;
  if (standing === "compared") return html`<p class="note" data-key="pictures">${chip("ok", "tick", words("pictures.compared"))}</p>`;
  if (standing === "") return null;
  return html`<p class="second note" data-key="pictures">${chip("wait", "wait", words(standing === "changed" ? "pictures.changed" : "pictures.not"))} ${words(standing === "changed" ? "pictures.changed-note" : "pictures.not-note")}</p>`;
}

/** The way to the page, beside a contact. @param {Contact} one */
export const picturesLink = (one) => (one.pictures?.can
  ? html`<a class="button" href="${to("pictures", one.ref)}">${words("pictures.link")}<span class="hidden-words"> ${words("pictures.link-for", { name: one.name })}</span></a>` : null);

/** The same on the page of people whom a grown-up may call. @param {import("../facts.js").Person} one */
export const picturesWith = (one) => (one.pictures?.can
  ? html`<a class="link" href="${to("pictures", one.ref)}">${words(one.pictures.waits ? "pictures.with-waits" : "pictures.with", { name: one.name })}</a>` : null);

class Pictures extends Page {
  /** @type {Stage | ""} */ #stage = "";
  #stop = () => {};

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    let beat = 0;
    this.#stop = everyWhile(LOOK_MS, LOOK_SELDOM_MS, () => {
      beat += 1;
      if (this.#runs && !(telephoneIsHere() && beat % WITH_WIRE)) void renew("pictures");
    });
  }

  disconnectedCallback() {
    this.#stop();
  }

  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return {
      begin: () => void this.#do(() => begin(this.ref)),
      join: () => void this.#do(async () => {
        if (this.exchange) await join(this.ref, this.exchange);
      }),
      same: () => void this.#do(() => say(this.ref, "same")),
      differ: () => void this.#do(() => say(this.ref, "differ")),
      anew: () => {
        putAway(this.ref);
        this.update();
      },
      "sign-here": () => void this.#do(() => takeOver(this.#whose)),
      again: () => void renew("pictures", "contacts", "people"),
    };
  }

  get ref() {
    return this.parts[0] ?? "";
  }

  get exchange() {
    return look("pictures", this.ref);
  }

  /**
   * Can anything still come that would change what is shown? Each look leaves a line in the logbook, so without a comparison, and
   * after its result, there is none: that somebody begins comes over the wire, or with everything else while that is away.
   */
  get #runs() {
    const { exchange } = this;
    if (!exchange || !this.isConnected) return false;
    const stage = stageOf(this.ref, exchange);
    const { known, they } = found(this.ref);
    return stage === "same" ? !known || (they !== "same" && exchange.step !== "none") : ["asked", "waiting", "coming", "pictures"].includes(stage);
  }

  /** Whom this is about: somebody an own child knows, or (`k_…`) somebody this grown-up knows. @returns {Contact | import("../facts.js").Person | undefined} */
  get one() {
    const child = whose();
    if (this.ref.startsWith("k_")) return look("people")?.find(({ ref }) => ref === this.ref);
    return child ? look("contacts", child.id)?.find(({ ref }) => ref === this.ref) : undefined;
  }

  /** @param {() => Promise<void>} deed */
  #do(deed) {
    return this.attempt(async () => {
      this.mistakes = [];
      try {
        await deed();
      } finally {
        await renew("pictures", "contacts");
      }
    });
  }

  /** @override @param {import("../../shared/api.js").ApiFault} fault */
  explain(fault) {
    if (fault.code === "slow_down") return words("pictures.none-left");
    if (fault.code === "conflict") return words("pictures.changed-meanwhile");
    return super.explain(fault);
  }

  /** @override */
  update() {
    const { exchange } = this;
    if (exchange && this.isConnected) {
      void this.#advance(exchange);
      const stage = stageOf(this.ref, exchange);
      const before = this.#stage;
      const had = this.contains(document.activeElement);
      this.#stage = stage;
      super.update();
      // a new step is a new page to whoever reads it by ear or by keyboard; and a heading that was replaced had the focus
      const lost = had && !this.contains(document.activeElement);
      if (lost || (before !== "" && before !== stage)) this.dispatchEvent(new CustomEvent("arrived", { bubbles: true }));
      return;
    }
    super.update();
  }

  /** The next step may need no press. If it did not get through, the next look takes it. @param {Exchange} exchange */
  async #advance(exchange) {
    const done = await advance(this.ref, exchange).catch((fault) => {
      if (fault instanceof ApiFault) return false;
      throw fault;
    });
    if (!done || !this.isConnected) return;
    await renew("pictures");
    this.update();
  }

  /** @override */
  firstField() {
    return this.querySelector("[data-do]")?.id || "page";
  }

  /** @override */
  draw() {
    const { one, exchange } = this;
    const child = whose();
    const guardian = this.ref.startsWith("g_");
    const back = html`<a class="link back" href="${to(guardian ? "contacts" : "call")}" data-key="back">${words("back")}</a>`;
    const fault = faultOf("pictures", this.ref);
    if (fault && !exchange) return html`${back}<h1 tabindex="-1">${words("pictures.link")}</h1>${fault.code === "offline" ? stuck(fault) : html`<div class="panel" data-key="nothing"><p>${words("pictures.nothing")}</p></div>`}`;
    if (!one || !exchange || (guardian && !child)) return html`${back}<h1 tabindex="-1">${words("pictures.link")}</h1>${waiting()}`;
    const other = guardian ? (/** @type {Contact} */ (one).looked_after_by ?? one.name) : words("pictures.their-grown-up", { name: one.name });
    const fill = { name: one.name, other, child: guardian ? (child?.name ?? "") : (look("me")?.name ?? "") };
    const stage = stageOf(this.ref, exchange);
    return html`${back}${this.notes()}${this.#of(stage, exchange, fill, one)}`;
  }

  /** @param {Stage} stage @param {Exchange} exchange @param {Fill} fill @param {Contact | import("../facts.js").Person} one @returns {Markup} */
  #of(stage, exchange, fill, one) {
    /** @param {string} key */
    const h1 = (key) => html`<h1 tabindex="-1" data-key="h1">${words(key, fill)}</h1>`;
    /** @param {string} key */
    const lead = (key) => html`<p class="lead">${words(key, fill)}</p>`;
    const anew = html`<p><button class="button" type="button" id="anew" data-do="anew">${words("pictures.anew")}</button></p>`;
    const mine = found(this.ref);
    if (stage === "other") return html`${h1("pictures.link")}<div class="panel" data-key="other"><p>${words("pictures.other")}</p></div>`;
    if (stage === "waiting") return html`${h1("pictures.waiting")}${lead("pictures.waiting-lead")}${waiting(words("pictures.looking"))}`;
    if (stage === "coming") return html`${h1("pictures.coming")}${waiting(words("pictures.looking"))}`;
    if (stage === "over") return html`${h1("pictures.over")}${lead("pictures.over-lead")}${anew}`;
    if (stage === "asked" && this.#may()) return html`${h1("pictures.asked")}${lead("pictures.asked-lead")}
      <p><button class="button go" type="button" id="join" data-do="join">${words("pictures.join")}</button></p>`;
    if (stage === "pictures") return html`${h1("pictures.here")}${lead("pictures.read")}
      <ol class="five" data-key="five">${mine.pictures.map((number, n) => html`<li data-key="${n}"><span class="five-picture">${picture(number)}</span><b>${words(`picture.${PICTURES[number]}`)}</b></li>`)}</ol>
      <div class="answers" data-key="answers"><button class="button" type="button" data-do="differ">${icon("no")}<span>${words("pictures.differ")}</span></button><button class="button" type="button" data-do="same">${icon("tick")}<span>${words("pictures.same")}</span></button></div>`;
    if (stage === "same") return html`${h1(mine.known ? "pictures.was-same" : "pictures.not-saved")}<div class="panel limit" data-key="same">
      <p>${mine.known ? chip("ok", "tick", words("pictures.compared")) : chip("wait", "wait", words("pictures.not-saved"))}</p>
      <p>${words(mine.known ? "pictures.was-same-lead" : "pictures.not-signed", fill)}</p>
      <p class="second">${words(mine.they === "same" || exchange.step === "none" ? "pictures.they-too" : "pictures.they-not-yet", fill)}</p></div>
      <p><a class="button" href="${to(this.ref.startsWith("g_") ? "contacts" : "call")}">${words("pictures.done")}</a></p>`;
    if (stage === "differ" || stage === "broken") {
      const own = mine.mine === "differ" || stage === "broken";
      return html`${h1(stage === "broken" ? "pictures.broken" : "pictures.was-differ")}<div class="panel limit" data-key="differ"><p>${chip("stop", "no", words("pictures.differ"))}</p>
        <p>${words(stage === "broken" ? "pictures.broken-lead" : own ? "pictures.was-differ-lead" : "pictures.they-differ", fill)}</p>
        ${"voice_allowed_by_others" in one && !one.voice ? html`<p class="value">${words("pictures.off", fill)}</p>` : null}
        <p>${words("pictures.what-now", fill)}</p></div>${anew}`;
    }
    return this.#start(stage, exchange, fill, one);
  }

  /** Only the browser that signs for these devices compares: what is compared is its key. In the demo none does before it is told to. */
  #may() {
    return signingKey() !== "" && !signedElsewhere(this.#whose) && !(look("me")?.demo && !toSign(this.ref)?.roster);
  }

  /** Whose devices are signed for in this contact: a child's id, or "" for one's own. */
  get #whose() {
    return this.ref.startsWith("g_") ? (whose()?.id ?? "") : "";
  }

  /** In the demo the server holds the keys of the made-up grown-ups, so at first no browser can compare: the way to it is here. @param {Fill} fill */
  #signHere(fill) {
    return html`<div class="panel limit" data-key="not-here"><p>${words("pictures.demo", fill)}</p><p><button class="button" type="button" data-do="sign-here">${words("pictures.demo-sign")}</button></p></div>`;
  }

  /** @param {Stage} stage @param {Exchange} exchange @param {Fill} fill @param {Contact | import("../facts.js").Person} one @returns {Markup} */
  #start(stage, exchange, fill, one) {
    const standing = standingOf(this.ref);
    const left = Math.min(exchange.left, leftHere(this.ref));
    const now = exchange.doubt ? html`<p class="plate-line stop" data-key="now">${icon("no")}<span>${words(`pictures.doubt-${exchange.doubt}`, fill)}</span></p>`
      : standing === "compared" ? html`<p class="plate-line ok" data-key="now">${icon("tick")}<span>${words("pictures.was-same-lead", fill)}</span></p>`
        : html`<p class="plate-line wait" data-key="now">${icon("wait")}<span>${words(standing === "changed" ? "pictures.changed-lead" : "pictures.not-lead", fill)}</span></p>`;
    return html`<div class="with-post" data-key="who">${peg(one, "mid")}<h1 tabindex="-1">${words("pictures.title", fill)}</h1></div>
      ${now}${stage === "elsewhere" ? html`<p class="second" data-key="elsewhere">${words("pictures.elsewhere")}</p>` : null}
      <ol class="steps" data-key="steps"><li><p>${words("pictures.1", fill)}</p></li><li><p>${words("pictures.2", fill)}</p></li><li><p>${words("pictures.3", fill)}</p></li></ol>
      ${!this.#may() && signingKey() && look("me")?.demo ? this.#signHere(fill) : !this.#may() ? html`<div class="panel" data-key="not-here"><p>${words(signingKey() ? "pictures.sign-elsewhere" : "pictures.no-key", fill)}</p><p><a class="button" href="${to("devices")}">${words("nav.devices")}</a></p></div>`
        : left <= 0 ? html`<p class="panel" data-key="none-left">${words("pictures.none-left")}</p>`
          : html`<p data-key="begin"><button class="button go" type="button" id="begin" data-do="begin">${words("pictures.begin")}</button></p>${left < 4 ? html`<p class="second" data-key="left">${words("pictures.left", { n: left })}</p>` : null}`}`;
  }
}

customElements.define("rf-pictures", Pictures);
