/**
 * The people a grown-up may call: a fence, like a child's, because it is the same thing; and the look at oneself before calling.
 * Presence is only what the wire has said: where it has said nothing, nothing is shown.
 */
import { post } from "../../shared/api.js";
import { RfLookAtMyself } from "../../shared/call_screens/rf-look-at-myself.js";
import { askFirst } from "../../shared/dialog.js";
import { html, View } from "../../shared/html.js";
import { chip, fencePost, peg } from "../../shared/parts.js";
import { words } from "../../shared/words.js";
import { faultOf, look, renew } from "../known.js";
import { Page, stuck, waiting } from "../page.js";
import { changedNote, knowThem } from "./contacts.js";
import { picturesWith } from "./pictures.js";
import { go, here, to } from "../route.js";
import { dateOf } from "../when.js";
import { callTo, statusOf, telephoneFor } from "../telephone.js";

/** @typedef {import("../facts.js").Person} Person */

/** @type {Record<"here" | "busy" | "away", ["ok" | "wait" | "rest", import("../../shared/parts.js").IconName]>} */
const STATUS = { here: ["ok", "tick"], busy: ["wait", "phone"], away: ["rest", "clock"] };

/** @param {Person} person */
function state(person) {
  const status = statusOf(person.ref);
  return status ? chip(...STATUS[status], words(`people.${status}`)) : null;
}

class People extends Page {
  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return { known: (control) => void knowThem(this, control.dataset.ref ?? "", look("people")?.find((one) => one.ref === control.dataset.ref)?.name ?? ""), block: (control) => void this.#block(control.dataset.ref ?? ""), unblock: (control) => void this.#unblock(control.dataset.ref ?? ""), stop: (control) => void this.#stop(control.dataset.ref ?? ""), again: () => void renew("people", "blocks") };
  }

  /** @param {string} ref */
  async #stop(ref) {
    const person = look("people")?.find((one) => one.ref === ref);
    if (!person) return;
    const fill = { name: person.name };
    if (!await askFirst({ title: words("people.stop-q", fill), text: words("people.stop-lead", fill), yes: words("people.stop-yes"), no: words("people.stop-no") })) return;
    await this.attempt(async () => {
      await post(`/api/people/${encodeURIComponent(ref)}/end`);
      await renew("people", "contacts");
      this.done(words("people.stopped", fill));
      this.querySelector("h1")?.focus();
    });
  }

  /** Stop somebody calling me: nobody is asked, nobody is told. @param {string} ref */
  async #block(ref) {
    const person = look("people")?.find((one) => one.ref === ref);
    if (!person) return;
    const fill = { name: person.name };
    if (!await askFirst({ title: words("people.block-q", fill), text: words("people.block-lead", fill), yes: words("people.block-yes"), no: words("people.block-no") })) return;
    await this.attempt(async () => {
      await post(`/api/people/${encodeURIComponent(ref)}/block`);
      await renew("people", "blocks");
      this.done(words("people.is-blocked", fill));
      this.querySelector("h1")?.focus();
    });
  }

  /** @param {string} ref */
  async #unblock(ref) {
    const name = look("blocks")?.find((one) => one.ref === ref)?.name ?? "";
    await this.attempt(async () => {
      await post(`/api/people/${encodeURIComponent(ref)}/unblock`);
      await renew("people", "blocks");
      this.done(words("people.unblocked", { name }));
      this.querySelector("h1")?.focus();
    });
  }

  #blocked() {
    const blocks = look("blocks") ?? [];
    return blocks.length === 0 ? null : html`<section data-key="blocked"><h2 class="part">${words("people.blocked")}</h2><p class="second">${words("people.blocked-who")}</p>
      <ul class="rail-list">${blocks.map((one) => html`<li data-key="${one.ref}">${peg(one, "small")}<span class="grow"><b>${one.name}</b><span class="second">${words("people.blocked-on", { date: dateOf(new Date(one.at).toISOString()) })}</span></span>
        <button class="button" type="button" data-do="unblock" data-ref="${one.ref}">${words("people.unblock")}<span class="hidden-words"> ${one.name}</span></button></li>`)}</ul></section>`;
  }

  /** @override */
  draw() {
    const people = look("people");
    const fault = faultOf("people");
    if (!people) return html`<h1 tabindex="-1">${words("people.list")}</h1>${fault ? stuck(fault) : waiting()}`;
    if (people.length === 0) {
      return html`${this.notes()}<h1 tabindex="-1">${words("people.empty")}</h1><div class="panel empty"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span><p>${words("people.empty-lead")}</p></div>${this.#blocked()}`;
    }
    return html`${this.notes()}<h1 tabindex="-1">${words("people.title")}</h1>
      <ul class="fence" data-key="fence">${people.map((person) => html`<li data-key="${person.ref}">${fencePost({ card: person, href: to("call", person.ref), before: words("people.call"), state: state(person) })}</li>`)}</ul>
      ${people.map((person) => changedNote(person.ref, person.name))}
      <ul class="stops" data-key="stops">${people.filter((person) => !person.own).map((person) => html`<li data-key="${person.ref}">${picturesWith(person)}<button class="link" type="button" data-do="stop" data-ref="${person.ref}">${words("people.stop", { name: person.name })}</button><button class="link" type="button" data-do="block" data-ref="${person.ref}">${words("people.block", { name: person.name })}</button></li>`)}</ul>${this.#blocked()}`;
  }
}

/** Looking at oneself, then calling: the shared screen, told who is to be called. */
class BeforeCall extends View {
  constructor() {
    super();
    this.addEventListener("back", () => go("call"));
    this.addEventListener("call", (event) => {
      const person = this.person;
      if (!person) return;
      history.replaceState(null, "", to("call")); // back from the call is the fence, not the mirror
      callTo(person.ref, /** @type {CustomEvent} */ (event).detail === "video" ? "video" : "audio");
    });
  }

  get person() {
    return look("people")?.find((one) => one.ref === here().parts[0]);
  }

  /** @override */
  update() {
    super.update();
    const mirror = this.querySelector("rf-look-at-myself");
    const person = this.person;
    if (!(mirror instanceof RfLookAtMyself) || !person) return;
    mirror.card = person;
    mirror.video = person.video;
    mirror.telephone = telephoneFor();
  }

  /** @override */
  draw() {
    if (this.person) return html`<rf-look-at-myself></rf-look-at-myself>`;
    return html`<main class="alone"><h1 tabindex="-1">${words("people.list")}</h1>${look("people") ? html`<p class="lead">${words("people.empty-lead")}</p><p><a class="button" href="${to("call")}">${words("back")}</a></p>` : waiting()}</main>`;
  }
}

customElements.define("rf-people", People);
customElements.define("rf-before-call", BeforeCall);
