/**
 * Calls with one person: how the family goes along (free, ask me each time, I am there), and, for a grown-up, the word that somebody in the
 * family knows them. From 13 on single calls are the child's own, and then only the word is left here.
 */
import { post } from "../../shared/api.js";
import { html } from "../../shared/html.js";
import { chip, icon, peg } from "../../shared/parts.js";
import { words } from "../../shared/words.js";
import { look, renew } from "../known.js";
import { Page, radios, typed, waiting } from "../page.js";
import { beWith, goAway, isWith } from "../presence.js";
import { to } from "../route.js";
import { whose } from "../whose.js";
import { teenLed } from "./times.js";

/** @typedef {import("../facts.js").Contact} Contact */
/** @typedef {import("../facts.js").Child} Child */

const MODES = /** @type {const} */ (["free", "ask", "present"]);

/** Why no call with them goes through now, in one sentence; empty when nothing is in the way. @param {Contact} one */
export const pausedWords = (one) => (one.paused ? words(`watch.paused-${one.paused}`, { name: one.name }) : "");

/**
 * "I am with Maya now", or the sign that it is so with "I have to go".
 * @param {Contact} one @param {Child} child
 */
export const presenceButton = (one, child) => (isWith(one.ref)
  ? html`<span class="with-now" data-key="with">${chip("ok", "tick", words("with.on", { child: child.name }))}<button class="button" type="button" data-do="go-away" data-ref="${one.ref}">${words("with.go")}</button></span>`
  : html`<span class="with-now" data-key="without">${one.present_until ? chip("ok", "tick", words("with.on", { child: child.name })) : null}<button class="button" type="button" data-do="be-with" data-ref="${one.ref}">${words("with.begin", { child: child.name })}</button></span>`);

/**
 * What the two buttons do, on any page that shows them.
 * @param {Page} page @param {() => Contact[]} list
 * @returns {import("../page.js").Deeds}
 */
export const presenceDeeds = (page, list) => ({
  "be-with": (control) => void page.attempt(async () => {
    const [one, child] = [list().find(({ ref }) => ref === control.dataset.ref), whose()];
    if (!one || !child) return;
    await beWith({ ref: one.ref, child: child.name, name: one.name });
    await renew("contacts", "toAllow");
    page.done(words("with.begun", { child: child.name, name: one.name }));
  }),
  "go-away": (control) => void page.attempt(async () => {
    await goAway(control.dataset.ref ?? "");
    await renew("contacts", "live");
    page.done(words("with.gone"));
  }),
});

class Watch extends Page {
  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return {
      vouch: () => void this.#vouch(true),
      "take-back": () => void this.#vouch(false),
      again: () => void renew("contacts"),
      ...presenceDeeds(this, () => (this.one ? [this.one] : [])),
    };
  }

  get one() {
    const child = whose();
    return child ? look("contacts", child.id)?.find((one) => one.ref === this.parts[0]) : undefined;
  }

  /** @param {boolean} vouched */
  async #vouch(vouched) {
    const { one } = this;
    if (!one) return;
    await this.attempt(async () => {
      await post(`/api/contacts/${encodeURIComponent(one.ref)}/vouch`, { vouched });
      await renew("contacts");
      this.done(words(vouched ? "vouch.given" : "vouch.taken", { name: one.name }));
    });
  }

  /** @override @param {HTMLFormElement} form */
  async send(form) {
    const { one } = this;
    const mode = MODES.find((each) => each === typed(form).mode);
    if (!one || !mode) return;
    await post(`/api/contacts/${encodeURIComponent(one.ref)}/supervision`, { mode });
    await renew("contacts");
    this.done(words(`watch.saved-${mode}`, { name: one.name, child: whose()?.name ?? "" }));
  }

  /** @override */
  draw() {
    const { one } = this;
    const child = whose();
    const back = html`<a class="link back" href="${to("contacts")}" data-key="back">${words("back")}</a>`;
    if (!one || !child) return html`${back}<div class="with-post" data-key="who"><h1 tabindex="-1">${words("watch.link")}</h1></div>${waiting()}`;
    const fill = { name: one.name, child: child.name };
    return html`${back}${this.notes()}<div class="with-post" data-key="who">${peg(one, "mid")}<h1 tabindex="-1">${words("watch.title", fill)}</h1></div>
      ${one.paused ? html`<p class="plate-line wait" data-key="paused">${icon("wait")}<span>${pausedWords(one)}</span></p>` : null}
      ${child.reach === "approve" ? html`<form class="form" novalidate data-key="mode">${radios({
        id: "mode", legend: words("watch.q", fill), chosen: one.supervision,
        choices: MODES.map((value) => ({ value, words: words(`watch.${value}`, fill), help: words(`watch.${value}-help`, fill) })),
      })}<p><button class="button go">${words("watch.save")}</button></p></form>
      ${one.supervision === "present" ? html`<section class="panel limit" data-key="with"><h2>${words("with.title")}</h2><p>${words("with.lead", fill)}</p>${presenceButton(one, child)}</section>` : null}`
      : html`<section class="panel limit" data-key="older">${child.reach === "teen_led" ? teenLed(child) : html`<p class="value">${words("watch.older", fill)}</p><p>${words("watch.older-lead", fill)}</p>`}</section>`}
      ${one.grown_up && !one.own ? this.#word(one) : null}`;
  }

  /** @param {Contact} one */
  #word(one) {
    const fill = { name: one.name };
    return html`<section class="panel limit" data-key="word"><h2>${words("vouch.title", fill)}</h2><p>${words("vouch.lead")}</p>
      ${one.vouched ? html`<p>${chip("ok", "tick", words("vouch.is"))}</p><p><button class="button" type="button" data-do="take-back">${words("vouch.take-back")}</button></p>`
        : html`<p><button class="button" type="button" data-do="vouch">${words("vouch.give")}</button></p>`}</section>`;
  }
}

customElements.define("rf-watch", Watch);
