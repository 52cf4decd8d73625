/**
 * The people one child can call: a row each, on rails, with two gates (voice and camera), what the family calls them, and Remove
 * (design 3.19). A gate acts when it is pressed, also on a call that is on; a refusal puts the gate back and says so.
 */
import { post } from "../../shared/api.js";
import { AVATARS } from "../../shared/avatars.js";
import { askFirst } from "../../shared/dialog.js";
import { html } from "../../shared/html.js";
import { chip, gateSwitch, icon, peg } from "../../shared/parts.js";
import { say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { faultOf, look, renew } from "../known.js";
import { Page, stuck, textField, typed, waiting } from "../page.js";
import { pictureForm } from "../picture.js";
import { go, to } from "../route.js";
import { notHeardFrom, sayKnown, toSign } from "../signing.js";
import { begun, dateOf } from "../when.js";
import { whose } from "../whose.js";
import { nameMistakes } from "./sign_up.js";
import { picturesLink, picturesNote } from "./pictures.js";
import { teenLed } from "./times.js";
import { pausedWords, presenceButton, presenceDeeds } from "./watch.js";

/** @typedef {import("../facts.js").Contact} Contact */

/** Said once when the list opens after something was saved elsewhere. */
let justSaid = "";

/** Somebody else than at first signs for the other side: until this grown-up says yes, no call with them opens. @param {string} ref @param {string} name */
export const changedNote = (ref, name) => (toSign(ref)?.changed ? html`<div class="note" data-key="changed-${ref}"><p>${chip("wait", "wait", words("sign.changed"))} ${words("sign.changed-lead", { name })}</p>
  ${notHeardFrom(ref) ? html`<p>${words("sign.elsewhere")}</p>` : html`<p><button class="button" type="button" data-do="known" data-ref="${ref}">${words("sign.changed-yes")}<span class="hidden-words"> ${words("contacts.for", { name })}</span></button></p>`}</div>` : null);

/** @param {Page} page @param {string} ref @param {string} name */
export async function knowThem(page, ref, name) {
  if (!await askFirst({ title: words("sign.changed-q", { name }), text: words("sign.changed-q-lead"), yes: words("sign.changed-q-yes"), no: words("sign.changed-q-no") })) return;
  await page.attempt(async () => {
    if (await sayKnown(ref)) page.done(words("sign.known", { name }), true);
  });
}

class Contacts extends Page {
  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return {
      gate: (control) => void this.#gate(/** @type {HTMLInputElement} */ (control)),
      remove: (control) => void this.#remove(control.dataset.ref ?? ""),
      known: (control) => void knowThem(this, control.dataset.ref ?? "", this.list.find((one) => one.ref === control.dataset.ref)?.name ?? ""),
      again: () => void renew("contacts"),
      ...presenceDeeds(this, () => this.list),
    };
  }

  get list() {
    const child = whose();
    return child ? (look("contacts", child.id) ?? []) : [];
  }

  /** @param {HTMLInputElement} control */
  async #gate(control) {
    const [, kind = "", ref = ""] = control.id.split("|");
    const contact = this.list.find((one) => one.ref === ref);
    if (!contact) return;
    const on = control.checked;
    const wanted = kind === "voice" ? { voice: on, video: on && contact.video } : { voice: on || contact.voice, video: on };
    const fill = { name: contact.name, what: words(kind === "voice" ? "contacts.voice" : "contacts.camera") };
    try {
      await post(`/api/contacts/${encodeURIComponent(ref)}/allow`, wanted);
      await renew("contacts");
      this.done(words(on ? "contacts.saved-on" : "contacts.saved-off", fill));
    } catch (fault) {
      await renew("contacts");
      this.done("");
      this.complain([{ field: control.id, words: words("contacts.not-saved") }]);
    }
    this.#trueGates();
  }

  /** A checkbox that a hand has touched no longer follows its attribute: set it to what is so. */
  #trueGates() {
    for (const gate of this.querySelectorAll("input[role=switch]")) {
      const [, kind, ref] = gate.id.split("|");
      const contact = this.list.find((one) => one.ref === ref);
      if (contact && gate instanceof HTMLInputElement) gate.checked = kind === "voice" ? contact.voice : contact.video;
    }
  }

  /** @override */
  update() {
    super.update();
    if (!this.busy) this.#trueGates();
  }

  /** @param {string} ref */
  async #remove(ref) {
    const contact = this.list.find((one) => one.ref === ref);
    const child = whose();
    if (!contact || !child) return;
    const fill = { name: contact.name, child: child.name };
    if (!await askFirst({ title: words("contacts.remove-q", fill), text: words("contacts.remove-lead", fill), yes: words("contacts.remove-yes"), no: words("contacts.remove-no") })) return;
    await this.attempt(async () => {
      await post(`/api/contacts/${encodeURIComponent(ref)}/end`);
      await renew("contacts", "live");
      this.done(words("contacts.removed", fill));
      this.querySelector("h1")?.focus();
    });
  }

  /** @override */
  connectedCallback() {
    this.news = justSaid;
    justSaid = "";
    super.connectedCallback();
  }

  /** @override */
  draw() {
    const child = whose();
    if (!child) return look("family") ? html`<h1 tabindex="-1">${words("nav.contacts")}</h1><p class="lead">${words("contacts.no-child")}</p><p><a class="button go" href="${to("child")}">${words("child.title")}</a></p>` : html`<h1 tabindex="-1">${words("nav.contacts")}</h1>${waiting()}`;
    const list = look("contacts", child.id);
    const fault = faultOf("contacts", child.id);
    const heading = html`${this.notes()}<h1 tabindex="-1">${words("contacts.title", { name: child.name })}</h1>`;
    if (!list) return html`${heading}${fault ? stuck(fault) : waiting()}`;
    return html`${heading}${child.reach === "teen_led" ? html`<div class="panel led" data-key="led">${teenLed(child)}</div>` : null}
      ${list.length === 0
        ? html`<div class="panel empty" data-key="empty"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span><p>${words("contacts.empty", { name: child.name })}</p></div>`
        : html`<ul class="rows" data-key="rows">${list.map((one) => this.#row(one, child))}</ul>`}
      <p class="below" data-key="below"><span class="second">${words("contacts.who-says")}</span> <a class="button" href="${to("ask")}">${icon("plus")}<span>${words("contacts.invite")}</span></a></p>`;
  }

  /** @param {Contact} one @param {import("../facts.js").Child} child */
  #row(one, child) {
    const adult = one.group === "adult";
    const sub = one.myself ? words("contacts.sub-myself", { child: child.name }) : adult ? words("contacts.sub-adult") : words(one.looked_after_by ? "contacts.sub" : "contacts.sub-alone", { age: begun(words(`age.${one.group}`)), grown_up: one.looked_after_by ?? "" });
    const asked = one.state === "asked";
    const led = child.reach === "teen_led";
    /** @param {string} kind @param {string} label @param {boolean} on */
    const gate = (kind, label, on) => gateSwitch({
      id: `gate|${kind}|${one.ref}`, on, deed: "gate", words: { on: words("contacts.on"), off: words("contacts.off") },
      label: html`${label}<span class="hidden-words"> ${words("contacts.for", { name: one.name })}</span>`,
    });
    return html`<li class="row" data-key="${one.ref}"><div class="row-post">${peg(one, "mid")}</div>
      <div class="row-words"><h2>${one.name}</h2><p class="second">${sub} ${asked ? null : words("contacts.until", { date: dateOf(one.until) })}</p>
      ${asked ? html`<p>${chip("wait", "wait", words("contacts.asked"))} <span class="second">${words("contacts.asked-help")}</span></p>` : html`
      ${changedNote(one.ref, one.name)}
      ${one.paused ? html`<p class="second note" data-key="paused">${chip("wait", "wait", words("watch.paused"))} ${pausedWords(one)}</p>` : null}
      ${one.supervision && one.supervision !== "free" && child.reach === "approve" ? html`<p class="note" data-key="watch">${chip("rest", "hand", words(`watch.chip-${one.supervision}`))}</p>` : null}
      ${led ? null : html`<div class="gates">${gate("voice", words("contacts.voice"), one.voice)}${gate("camera", words("contacts.camera"), one.video)}</div>`}
      ${one.supervision === "present" && child.reach === "approve" ? presenceButton(one, child) : null}
      ${one.voice && !one.voice_allowed_by_others ? html`<p class="second note">${words("contacts.others-voice")}</p>` : null}
      ${picturesNote(one)}
      ${one.video && !one.video_allowed_by_others ? html`<p class="second note">${words("contacts.others-camera")}</p>` : null}`}
      <div class="row-deeds">${asked ? null : html`<a class="button" href="${to("watch", one.ref)}">${words("watch.link")}<span class="hidden-words"> ${words("contacts.for", { name: one.name })}</span></a>${picturesLink(one)}`}${led ? null : html`<a class="button" href="${to("rename", one.ref)}">${words("contacts.rename")}<span class="hidden-words"> ${words("contacts.rename-of", { name: one.name })}</span></a>`}
      ${one.myself ? null : html`<button class="button" type="button" data-do="remove" data-ref="${one.ref}">${words("contacts.remove", { name: one.name })}</button>`}</div></div></li>`;
  }
}

class Rename extends Page {
  /** @type {{avatar: number, ground: number} | null} */ #chosen = null;

  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return { pick: () => this.#pick(), again: () => void renew("contacts") };
  }

  get contact() {
    const child = whose();
    return child ? look("contacts", child.id)?.find((one) => one.ref === this.parts[0]) : undefined;
  }

  #pick() {
    const form = this.querySelector("form");
    if (!form) return;
    const { avatar, ground } = typed(form);
    const grounds = AVATARS[Number(avatar)]?.grounds ?? [];
    this.#chosen = { avatar: Number(avatar), ground: grounds.includes(Number(ground)) ? Number(ground) : (grounds[0] ?? 1) };
    this.update();
  }

  /** @override @param {HTMLFormElement} form */
  async send(form) {
    const { contact } = this;
    if (!contact) return;
    const { name = "" } = typed(form);
    const mistakes = nameMistakes(name, "name");
    if (mistakes.length > 0) return this.complain(mistakes);
    const picture = this.#chosen ?? { avatar: contact.avatar, ground: contact.ground };
    await post(`/api/contacts/${encodeURIComponent(contact.ref)}/name`, { name, ...picture });
    await renew("contacts", "live");
    justSaid = words("rename.saved", { name });
    say(justSaid);
    go("contacts");
  }

  /** @override */
  firstField() {
    return "name";
  }

  /** @override */
  draw() {
    const { contact } = this;
    const back = html`<a class="link back" href="${to("contacts")}" data-key="back">${words("back")}</a>`;
    if (!contact) return html`${back}<h1 tabindex="-1">${words("contacts.rename")}</h1>${waiting()}`;
    return html`${back}${this.notes()}<h1 tabindex="-1">${words("rename.title", { name: contact.name })}</h1><p class="lead">${words("rename.lead")}</p>
      <form class="form" novalidate>${textField({ id: "name", label: words("rename.name"), value: contact.name, wrong: this.wrong("name") })}
      ${pictureForm(this.#chosen ?? contact)}<p class="next"><button class="button go">${words("rename.save")}</button></p></form>`;
  }
}

customElements.define("rf-contacts", Contacts);
customElements.define("rf-rename", Rename);
