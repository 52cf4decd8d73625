/**
 * Devices: a child's, with how to add one (design 3.22, 3.13), and where the reader is signed in. And the page where a grown-up says yes to a
 * device that shows four words: by the picture (the words came with the address) or by typing them.
 */
import { get, post } from "../../shared/api.js";
import { askFirst } from "../../shared/dialog.js";
import { html } from "../../shared/html.js";
import { chip, icon, peg } from "../../shared/parts.js";
import { words } from "../../shared/words.js";
import { faultOf, look, renew } from "../known.js";
import { mistakeLine, Page, radios, stuck, typed, waiting } from "../page.js";
import { carried, go, to } from "../route.js";
import { awaited, expect, hasContacts, signDevice, signedElsewhere, stateOf, takeOver } from "../signing.js";
import { begun, dayOf } from "../when.js";
import { choose, whose } from "../whose.js";

/** @typedef {import("../facts.js").Device} Device */
/** @typedef {import("../facts.js").SignIn} SignIn */

class Devices extends Page {
  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return {
      "sign-out-device": (control) => void this.#signOutDevice(control.dataset.id ?? ""),
      sign: (control) => void this.#sign(control.dataset.whose ?? "", control.dataset.id ?? ""),
      "sign-here": (control) => void this.#signHere(control.dataset.whose ?? ""),
      "sign-out-there": (control) => void this.#signOutThere(control.dataset.id ?? ""),
      again: () => void renew("devices", "sessions"),
    };
  }

  /** @param {string} id */
  async #signOutDevice(id) {
    const device = look("devices")?.find((one) => one.id === id);
    if (!device) return;
    const fill = { label: device.label, name: device.child.name };
    if (!await askFirst({ title: words("devices.out-q", fill), text: words("devices.out-lead", fill), yes: words("devices.out-yes"), no: words("devices.out-no") })) return;
    await this.attempt(async () => {
      await post(`/api/devices/${encodeURIComponent(id)}/unpair`);
      await renew("devices", "live");
      this.done(words("devices.out-done", fill));
    });
  }

  /** @param {string} id */
  async #signOutThere(id) {
    const place = look("sessions")?.find((one) => one.id === id);
    if (!place) return;
    if (!await askFirst({ title: words("devices.out-q", { label: place.label }), text: words("devices.mine-q"), yes: words("devices.out-yes"), no: words("devices.out-no") })) return;
    await this.attempt(async () => {
      await post(`/api/sessions/${encodeURIComponent(id)}/revoke`);
      await renew("sessions");
      this.done(words("devices.out-done", { label: place.label }));
    });
  }

  /** Yes to this device, for everybody who was approved. @param {string} whose @param {string} id */
  async #sign(whose, id) {
    await this.attempt(async () => {
      await signDevice(whose, id);
      this.done(words("sign.done"), true);
    });
  }

  /** @param {string} whose */
  async #signHere(whose) {
    if (!await askFirst({ title: words("sign.here-q"), text: words("sign.here-lead"), yes: words("sign.here-yes"), no: words("sign.here-no") })) return;
    await this.attempt(async () => {
      await takeOver(whose);
      this.done(words("sign.done"), true);
    });
  }

  /** Is it signed, under its name. @param {string} whose @param {string} id */
  #signed(whose, id) {
    const state = stateOf(whose, id);
    if (state === "" || signedElsewhere(whose)) return null;
    return html`<span class="signed">${state === "signed" ? chip("ok", "tick", words("sign.signed")) : chip("wait", "wait", words("sign.waits"))}</span>`;
  }

  /** What a press would mean, and the button: below everything else of this device, away from "Sign out". @param {string} whose @param {string} id @param {string} label @param {string} name */
  #waits(whose, id, label, name) {
    if (stateOf(whose, id) !== "waits" || signedElsewhere(whose)) return null;
    return html`<div class="to-sign" data-key="sign"><p class="second">${words(name ? "sign.waits-child" : "sign.waits-mine", { name })}</p>
      <button class="button" type="button" data-do="sign" data-whose="${whose}" data-id="${id}">${words("sign.sign")}<span class="hidden-words"> ${words("devices.for", { label })}</span></button></div>`;
  }

  /** @param {string} whose @param {string} key */
  #elsewhere(whose, key) {
    return signedElsewhere(whose) ? html`<div class="panel limit" data-key="${key}"><p>${words("sign.elsewhere")}</p>
      <p><button class="button" type="button" data-do="sign-here" data-whose="${whose}">${words("sign.here")}</button></p></div>` : null;
  }

  /** @override */
  draw() {
    const child = whose();
    if (this.parts[0] === "add" && child) return this.#add(child);
    return html`${this.notes()}${child ? this.#children(child) : null}${this.#mine(child ? 2 : 1)}`;
  }

  /** @param {import("../facts.js").Child} child */
  #children(child) {
    const devices = look("devices");
    const fault = faultOf("devices");
    const own = devices?.filter((one) => one.child.id === child.id) ?? [];
    return html`<h1 tabindex="-1" data-key="h1">${words("devices.title", { name: child.name })}</h1>
      ${!devices ? (fault ? stuck(fault) : waiting()) : own.length === 0
        ? html`<div class="panel empty" data-key="none"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span><p>${words("devices.empty", { name: child.name })}</p></div>`
        : html`<ul class="rail-list" data-key="devices">${own.map((one) => this.#device(one))}</ul>`}
      ${this.#elsewhere(child.id, "elsewhere")}
      <p class="below" data-key="add"><a class="button" href="${to("devices", "add")}">${icon("plus")}<span>${words("devices.add")}</span></a></p>`;
  }

  /** @param {string | null} day */
  #used(day) {
    return day ? words("devices.row", { when: dayOf(day) }) : words("devices.never");
  }

  /** @param {Device} one */
  #device(one) {
    return html`<li data-key="${one.id}">${icon("tablet")}<p class="grow"><b class="device-name">${one.label}</b><span class="second">${begun(this.#used(one.last_used_on))}</span>${this.#signed(one.child.id, one.id)}</p>
      <button class="button" type="button" data-do="sign-out-device" data-id="${one.id}">${words("devices.out")}<span class="hidden-words"> ${words("devices.for", { label: one.label })}</span></button>${this.#waits(one.child.id, one.id, one.label, one.child.name)}</li>`;
  }

  /** @param {1 | 2} level */
  #mine(level) {
    const places = look("sessions");
    const fault = faultOf("sessions");
    return html`${level === 1 ? html`<h1 tabindex="-1" data-key="mine">${words("devices.mine")}</h1>` : html`<h2 class="part" data-key="mine">${words("devices.mine")}</h2>`}
      ${!places ? (fault ? stuck(fault) : waiting()) : html`<ul class="rail-list" data-key="places">${places.map((one) => html`<li data-key="${one.id}">${icon("keys")}<p class="grow"><b class="device-name">${one.label}</b><span class="second">${begun(this.#used(one.last_used_on))}</span>${one.this || !hasContacts("") ? null : this.#signed("", one.id)}</p>
        ${one.this ? chip("ok", "tick", words("devices.this")) : html`<button class="button" type="button" data-do="sign-out-there" data-id="${one.id}">${words("devices.mine-out")}<span class="hidden-words"> ${words("devices.for", { label: one.label })}</span></button>`}${one.this || !hasContacts("") ? null : this.#waits("", one.id, one.label, "")}</li>`)}</ul>`}${this.#elsewhere("", "mine-elsewhere")}`;
  }

  /** @param {import("../facts.js").Child} child */
  #add(child) {
    return html`<a class="link back" href="${to("devices")}" data-key="back">${words("back")}</a><h1 tabindex="-1" data-key="h1">${words("add.title", { name: child.name })}</h1><p class="lead">${words("add.lead")}</p>
      <ol class="steps panel" data-key="steps"><li><p>${words("add.1")}</p><p class="address">${location.host}/child/</p></li><li><p>${words("add.2")}</p></li><li><p>${words("add.3")}</p></li></ol>
      <p data-key="type"><a class="button" href="${to("pair")}">${icon("keys")}<span>${words("add.type")}</span></a></p>`;
  }
}

/** The four words of the pairing page and what has been found out about them. */
const pairing = { words: /** @type {string[]} */ ([]), label: "", name: "" };
/** The list of words that codes are made of, for completing. @type {string[] | null} */
let wordList = null;

class Pair extends Page {
  #started = false;

  /** @override */
  connectedCallback() {
    const brought = carried().pair;
    if (this.parts.length === 0 && brought.length === 4) {
      pairing.words = brought;
      carried().pair = [];
      this.#started = true;
    }
    super.connectedCallback();
    if (this.#started) void this.attempt(() => this.#find());
    if (!wordList) void get("/api/words").then((answer) => { wordList = answer?.words ?? []; }, () => { wordList = null; });
    this.addEventListener("input", (event) => this.#complete(event));
    this.addEventListener("paste", (event) => this.#paste(/** @type {ClipboardEvent} */ (event)));
  }

  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return {
      approve: () => void this.attempt(() => this.#approve()),
      decline: () => { Object.assign(pairing, { words: [], label: "", name: "" }); go("pair", "no"); },
    };
  }

  async #find() {
    try {
      const { label } = await post("/api/pairings/look", { words: pairing.words });
      pairing.label = label;
      this.mistakes = [];
      go("pair", "yes-or-no");
    } finally {
      this.#started = false;
    }
  }

  async #approve() {
    const children = look("family")?.children ?? [];
    const form = this.querySelector("form");
    const id = form ? typed(form).child : children[0]?.id;
    const child = children.find((one) => one.id === id);
    if (!child) return this.complain([{ field: "child", words: words("problem.child") }]);
    await expect(child.id);
    await post("/api/pairings/approve", { words: pairing.words, child: child.id });
    awaited();
    Object.assign(pairing, { words: [], label: "", name: child.name });
    choose(child.id);
    await renew("devices", "family");
    go("pair", "done");
  }

  /** @override @param {HTMLFormElement} form */
  async send(form) {
    if (this.parts[0] === "yes-or-no") return this.#approve();
    const filled = typed(form);
    pairing.words = [1, 2, 3, 4].map((n) => (filled[`word-${n}`] ?? "").toLowerCase());
    const missing = pairing.words.findIndex((word) => word === "");
    if (missing >= 0) return this.complain([{ field: `word-${missing + 1}`, words: words("problem.words") }]);
    await this.#find();
  }

  /** @override */
  firstField() {
    return this.parts[0] === "yes-or-no" ? "approve" : "word-1";
  }

  /** @override @param {import("../../shared/api.js").ApiFault} fault */
  explain(fault) {
    return fault.code === "no_match" || fault.code === "not_found" ? words("problem.no-match") : super.explain(fault);
  }

  /** After two letters, the words that begin so. @param {Event} event */
  #complete(event) {
    const field = event.target;
    const list = this.querySelector("datalist");
    if (!(field instanceof HTMLInputElement) || !field.id.startsWith("word-") || !list || !wordList) return;
    const begin = field.value.trim().toLowerCase();
    list.replaceChildren(...(begin.length < 2 ? [] : wordList.filter((word) => word.startsWith(begin)).slice(0, 8)).map((word) => new Option(word, word)));
  }

  /** All four at once, from wherever they were copied. @param {ClipboardEvent} event */
  #paste(event) {
    const found = (event.clipboardData?.getData("text") ?? "").toLowerCase().split(/[^\p{L}]+/u).filter(Boolean);
    if (found.length !== 4) return;
    event.preventDefault();
    found.forEach((word, n) => {
      const field = this.querySelector(`#word-${n + 1}`);
      if (field instanceof HTMLInputElement) field.value = word;
    });
  }

  /** @override */
  draw() {
    const family = look("family");
    const children = family?.children ?? [];
    if (!family || this.#started) return html`<h1 tabindex="-1">${words("pair.title")}</h1>${waiting()}`;
    if (children.length === 0) return html`<h1 tabindex="-1">${words("pair.title")}</h1><p class="lead">${words("pair.no-child")}</p><p><a class="button go" href="${to("child")}">${words("child.title")}</a></p>`;
    if (this.parts[0] === "done" && pairing.name) return html`<h1 tabindex="-1">${words("pair.done", { name: pairing.name })}</h1><p class="lead">${words("pair.done-lead", { name: pairing.name })}</p><p><a class="button go" href="${to("devices")}">${words("continue")}</a></p>`;
    if (this.parts[0] === "no") return html`<h1 tabindex="-1">${words("pair.declined")}</h1><p class="lead">${words("pair.declined-lead")}</p><p><a class="button" href="${to("devices")}">${words("continue")}</a></p>`;
    if (this.parts[0] === "yes-or-no" && pairing.label) return this.#yesOrNo(children);
    return html`<a class="link back" href="${to("devices", "add")}" data-key="back">${words("back")}</a>${this.notes()}<h1 tabindex="-1">${words("pair.title")}</h1><p class="lead">${words("pair.lead")}</p>
      <form class="form" novalidate><datalist id="word-list"></datalist><div class="four-words">${[1, 2, 3, 4].map((n) => {
        const wrong = this.wrong(`word-${n}`);
        return html`<div class="field ${wrong ? "wrong" : ""}"><label for="word-${n}">${words("pair.word", { n })}</label>${mistakeLine(`word-${n}`, wrong)}<input id="word-${n}" name="word-${n}" list="word-list" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="${wrong ? `word-${n}-wrong` : ""}" ${wrong ? html`aria-invalid="true"` : null}></div>`;
      })}</div><p><button class="button go">${words("pair.look")}</button></p></form>`;
  }

  /** @param {import("../facts.js").Child[]} children */
  #yesOrNo(children) {
    const only = children.length === 1 ? children[0] : undefined;
    const fill = { label: pairing.label, name: only?.name ?? "" };
    return html`${this.notes()}<h1 tabindex="-1">${words(only ? "pair.wants" : "pair.wants-one", fill)}</h1><p class="lead">${words("pair.lead-check")}</p>
      <ol class="code-words">${pairing.words.map((word) => html`<li>${word}</li>`)}</ol>
      ${only ? null : html`<form class="form" novalidate>${radios({ id: "child", legend: words("pair.whose"), wrong: this.wrong("child"), choices: children.map((one) => ({ value: one.id, words: html`<span class="with-post">${peg(one, "small")}${one.name}</span>` })) })}</form>`}
      <div class="answers"><button class="button" type="button" id="approve" data-do="approve">${icon("tick")}<span>${words(only ? "pair.yes" : "pair.yes-one", fill)}</span></button><button class="button" type="button" data-do="decline">${icon("no")}<span>${words("pair.no")}</span></button></div>`;
  }
}

customElements.define("rf-devices", Devices);
customElements.define("rf-pair", Pair);
