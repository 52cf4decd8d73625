/**
 * To decide: one request at a time, the facts in view, three equal answers (design 3.17), and the page with more about how they know
 * each other (3.18). A new browser of another family and a device that nobody has signed for stand here too: calls wait for both. The answer is the reader's alone: nothing is chosen beforehand, and saying no is as near as saying yes.
 */
import { post } from "../../shared/api.js";
import { html } from "../../shared/html.js";
import { icon, together, yeses } from "../../shared/parts.js";
import { listed, words } from "../../shared/words.js";
import { faultOf, look, renew } from "../known.js";
import { Page, radios, stuck, typed, waiting } from "../page.js";
import { beWith } from "../presence.js";
import { go, to } from "../route.js";
import { newBrowsers, newDevices } from "../signing.js";
import { dayAndTime } from "../when.js";
import { choose, whose } from "../whose.js";
import { changedNote, knowThem } from "./contacts.js";

/** @typedef {import("../facts.js").Decision} Decision */
/** @typedef {import("../facts.js").ToAllow} ToAllow */
/** @typedef {import("../facts.js").Answer} Answer */

/** What was just answered: said once, above the next request. */
let justSaid = "";

/** Who asks, in true words: a child who has not yet said yes (a link was used) does not "like to call" anybody. @param {Decision} ask */
function title(ask) {
  const fill = { child: ask.child?.name ?? "", other: ask.other.name ?? "" };
  if (!ask.child) return words("decide.card-self", fill);
  const wants = ask.yeses.some((yes) => yes.slot === "child" && (yes.answer === "yes" || yes.answer === "voice"));
  return words(wants ? "decide.card" : "decide.card-both", fill);
}

/** What the yes will have brought about, in true words: it is a call only when the others have said yes as well. @param {Decision} ask @param {Answer} answer */
function result(ask, answer) {
  const fill = { child: ask.child?.name ?? "", other: ask.other.name ?? "" };
  if (answer === "no") return words(ask.child ? "decide.saved-no" : "decide.saved-no-self", fill);
  const others = ask.yeses.filter((yes) => yes.slot !== "you");
  if (!ask.child) return words("decide.saved-self", fill);
  if (others.some((yes) => yes.answer !== "yes" && yes.answer !== "voice")) return words("decide.saved-waiting", fill);
  return words(answer === "voice" || others.some((yes) => yes.answer === "voice") ? "decide.saved-voice" : "decide.saved-camera", fill);
}

class Decide extends Page {
  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return { 
      answer: (control) => void this.attempt(() => this.#answer(/** @type {Answer} */ (control.dataset.answer))),
      allow: (control) => void this.attempt(() => this.#allow(control.dataset.id ?? "", /** @type {"yes" | "no"} */ (control.dataset.answer))),
      come: (control) => void this.attempt(() => this.#come(control.dataset.id ?? "")),
      known: (control) => void knowThem(this, control.dataset.ref ?? "", newBrowsers().find(({ ref }) => ref === control.dataset.ref)?.name ?? ""),
      devices: (control) => this.#devices(control.dataset.child ?? ""),
      again: () => void renew("decisions", "toAllow"),
    };
  }

  /** The request that is open: the one in the address, else the oldest. */
  get open() {
    const asks = look("decisions") ?? [];
    return asks.find((ask) => ask.id === this.parts[0]) ?? asks[0];
  }

  get more() {
    return this.parts[1] === "more";
  }

  /** @override */
  firstField() {
    return "answer-camera";
  }

  /** @override @param {import("../../shared/api.js").ApiFault} fault */
  explain(fault) {
    return fault.code === "not_found" ? words("decide.gone") : super.explain(fault);
  }

  /** @param {Answer} answer */
  async #answer(answer) {
    const ask = this.open;
    if (!ask) return;
    const form = this.querySelector("form");
    const known = form ? typed(form).known : undefined;
    try {
      await post(`/api/decisions/${encodeURIComponent(ask.id)}`, { answer, ...(known ? { how_known: known } : {}) });
    } finally {
      await renew("decisions", "family", "contacts", "people");
    }
    justSaid = result(ask, answer);
    this.done(justSaid);
    if (this.parts.length > 0) go("decide");
    else this.dispatchEvent(new CustomEvent("arrived", { bubbles: true }));
  }

  /** @param {string} id */
  #waiting(id) {
    return look("toAllow")?.find((one) => one.id === id);
  }

  /** Yes to this one call, or not now. @param {string} id @param {"yes" | "no"} answer */
  async #allow(id, answer) {
    const one = this.#waiting(id);
    if (!one) return;
    const fill = { child: one.child.name, name: one.with.name };
    try {
      await post(`/api/calls/to-allow/${encodeURIComponent(id)}`, { answer });
    } finally {
      await renew("toAllow", "contacts");
    }
    this.done(words(answer === "yes" ? "allow.said-yes" : "allow.said-no", fill));
    this.dispatchEvent(new CustomEvent("arrived", { bubbles: true }));
  }

  /** "I am with Maya now", from the child's own question. @param {string} id */
  async #come(id) {
    const one = this.#waiting(id);
    if (!one) return;
    await beWith({ ref: one.ref, child: one.child.name, name: one.with.name });
    await renew("toAllow", "contacts");
    this.done(words("with.begun", { child: one.child.name, name: one.with.name }));
    this.dispatchEvent(new CustomEvent("arrived", { bubbles: true }));
  }

  /** A child waits now: first on the page, two answers of one size. @param {ToAllow} one */
  #call(one) {
    const fill = { child: one.child.name, name: one.with.name };
    return html`<section class="ask panel" data-key="call-${one.id}" aria-labelledby="call-${one.id}"><h2 id="call-${one.id}">${words("allow.title", fill)}</h2>
      <p class="second">${words(one.kind === "ask" ? "allow.lead" : "allow.lead-present", fill)}</p>${together([one.child, one.with])}
      ${one.kind === "ask" ? html`<div class="answers"><button class="button" type="button" data-do="allow" data-id="${one.id}" data-answer="yes">${icon("tick")}<span>${words("allow.yes")}</span></button><button
        class="button" type="button" data-do="allow" data-id="${one.id}" data-answer="no">${icon("no")}<span>${words("allow.no")}</span></button></div>`
        : html`<div class="answers"><button class="button" type="button" data-do="come" data-id="${one.id}">${icon("tick")}<span>${words("with.begin", fill)}</span></button><button
        class="button" type="button" data-do="allow" data-id="${one.id}" data-answer="no">${icon("no")}<span>${words("allow.no")}</span></button></div>`}
      <p class="second after">${words(one.kind === "ask" ? "allow.after" : "allow.after-present", fill)}</p></section>`;
  }

  /** @param {string} child */
  #devices(child) {
    choose(child);
    go("devices");
  }

  /** What signatures wait for: calls with them, or on it, stay shut until a yes that only this reader can say. */
  #signatures() {
    return html`<div class="cards" data-key="signatures">${newBrowsers().map(({ ref, name }) => html`<section class="ask panel" data-key="browser-${ref}" aria-labelledby="browser-${ref}"><h2 id="browser-${ref}">${words("decide.browser", { name })}</h2>${changedNote(ref, name)}</section>`)}
      ${newDevices(look("me")?.demo === true).map(({ child, name, id, label }) => html`<section class="ask panel" data-key="device-${id}" aria-labelledby="device-${id}"><h2 id="device-${id}">${words("decide.device", { name })}</h2><div class="note"><p>${label}</p><p>${words("sign.waits-child", { name })}</p>
        <p><button class="button" type="button" data-do="devices" data-child="${child}">${words("decide.device-look")}<span class="hidden-words"> ${words("devices.for", { label })}</span></button></p></div></section>`)}</div>`;
  }

  /** @override */
  connectedCallback() {
    this.news = justSaid;
    justSaid = "";
    super.connectedCallback();
  }

  /** @override */
  draw() {
    const asks = look("decisions");
    const fault = faultOf("decisions");
    if (!asks) return html`<h1 tabindex="-1">${words("nav.decide")}</h1>${fault ? stuck(fault) : waiting()}`;
    const ask = this.open;
    const calls = look("me")?.kind === "guardian" && this.parts.length === 0 ? (look("toAllow") ?? []) : [];
    const said = this.parts.length === 0 ? this.#unfair() : null;
    const signatures = this.parts.length === 0 ? newBrowsers().length + newDevices(look("me")?.demo === true).length : 0;
    if (!ask && calls.length + signatures === 0) return this.#nothing(said);
    if (ask && this.more && ask.id === this.parts[0]) return this.#detail(ask);
    const rest = asks.filter((one) => one !== ask);
    return html`${this.notes()}${this.news ? this.#change() : null}<h1 tabindex="-1">${words("decide.title", { n: asks.length + calls.length + signatures })}</h1>${said}<div class="cards" data-key="calls">${calls.map((one) => this.#call(one))}</div>${ask ? this.#card(ask) : null}
      ${signatures ? this.#signatures() : null}
      ${rest.length > 0 ? html`<h2 class="also" data-key="also">${words("decide.others")}</h2><ul class="folded" data-key="rest">${rest.map((one) => html`<li data-key="${one.id}"><a href="${to("decide", one.id)}"><span>${title(one)}</span>${icon("chev")}</a></li>`)}</ul>` : null}`;
  }

  #change() {
    return look("me")?.kind === "guardian" ? html`<p class="change-line" data-key="change"><a class="link" href="${to("contacts")}">${words("decide.change")}</a></p>` : null;
  }

  /** @param {Decision} ask */
  #sub(ask) {
    const fill = { other: ask.other.name ?? "", age: words(`age.${ask.other.group}`), grown_up: ask.other.looked_after_by ?? "", n: ask.other.families };
    if (ask.other.adult) return words(ask.other.families > 0 ? "decide.adult" : "decide.adult-none", fill);
    return words(ask.other.looked_after_by ? "decide.sub" : "decide.sub-alone", fill);
  }

  /** @param {Decision} ask */
  #posts(ask) {
    return html`<div role="group" aria-label="${words("decide.posts")}">${yeses(ask.yeses.map((yes) => ({
      card: { name: yes.slot === "you" ? words("decide.you") : yes.name, avatar: yes.avatar, ground: yes.ground },
      answer: yes.answer === "not_yet" ? "not-yet" : yes.answer === "no" ? "no" : "yes",
      words: words(`decide.${yes.answer}`),
    })))}</div>`;
  }

  /** @param {Decision} ask */
  #facts(ask) {
    const them = ask.other.looked_after_by && !ask.other.adult ? ask.other.looked_after_by : (ask.other.name ?? "");
    return html`<dl class="facts">
      ${ask.child && ask.child_says ? html`<div data-key="child"><dt>${words("decide.says", { name: ask.child.name ?? "" })}</dt><dd>${words(`known.${ask.child_says}`)}</dd></div>` : null}
      ${ask.other_says ? html`<div data-key="other"><dt>${words("decide.says", { name: ask.opened_by === "link" ? them : (ask.other.name ?? "") })}</dt><dd>${words(`known.${ask.other_says}`)}</dd></div>` : null}
      <div data-key="how"><dt>${words("decide.started")}</dt><dd>${words(`decide.${ask.opened_by}`, { when: dayAndTime(ask.opened_at) })}</dd></div></dl>`;
  }

  #answers() {
    /** @param {Answer} answer @param {import("../../shared/parts.js").IconName} sign */
    const one = (answer, sign) => html`<button class="button" type="button" id="answer-${answer}" data-do="answer" data-answer="${answer}">${icon(sign)}<span>${words(`decide.a-${answer}`)}</span></button>`;
    return html`<div class="answers three">${one("camera", "cam")}${one("voice", "mic")}${one("no", "no")}</div>`;
  }

  /** @param {Decision} ask */
  #card(ask) {
    return html`<section class="ask panel" data-key="ask-${ask.id}" aria-labelledby="asked"><h2 id="asked">${title(ask)}</h2><p class="second">${this.#sub(ask)}</p>
      ${this.#posts(ask)}${this.#facts(ask)}${this.#answers()}
      <p class="second after">${words(ask.child ? "decide.after" : "decide.after-self", { child: ask.child?.name ?? "" })}</p>
      ${ask.child ? html`<p><a class="link" href="${to("decide", ask.id, "more")}">${words("decide.more")}</a></p>` : null}</section>`;
  }

  /** @param {Decision} ask */
  #detail(ask) {
    const fill = { other: ask.other.name ?? "", child: ask.child?.name ?? "", grown_up: ask.other.looked_after_by ?? ask.other.name ?? "" };
    return html`<a class="link back" href="${to("decide", ask.id)}" data-key="back">${words("back")}</a>${this.notes()}<h1 tabindex="-1">${words("decide.more")}</h1>
      <section class="ask panel"><h2>${title(ask)}</h2><p class="second">${this.#sub(ask)}</p>${this.#posts(ask)}
      <form class="form" novalidate>${radios({
        id: "known", legend: words(ask.other.adult ? "decide.q-adult" : "decide.q", fill), help: words("decide.optional"),
        choices: [{ value: "met", words: words("decide.met") }, { value: "told", words: words("decide.told", fill) }, { value: "unsure", words: words("decide.unsure"), help: words("decide.unsure-help", fill) }],
      })}</form>
      ${this.#answers()}<p class="second after">${words("decide.expires")}</p></section>`;
  }

  /** A child who thinks a limit is unfair: a sentence, and the way to it. */
  #unfair() {
    const unfair = (look("family")?.children ?? []).filter((child) => child.objected);
    return unfair.length === 0 ? null : html`<div class="cards" data-key="unfair">${unfair.map((child) => html`<p class="plate-line wait unfair" data-key="${child.id}">${icon("hand")}<span>${words("decide.unfair", { name: child.name })}</span>${child.id === whose()?.id ? html`<a class="link" href="${to("times")}">${words("allow.look")}</a>` : null}</p>`)}</div>`;
  }

  /** @param {import("../../shared/html.js").Markup | null} said */
  #nothing(said) {
    const me = look("me");
    const children = look("family")?.children ?? [];
    const child = whose();
    if (me?.kind === "guardian" && look("family") && children.length === 0) {
      return html`${this.notes()}<h1 tabindex="-1">${words("decide.no-child")}</h1><p class="lead">${words("decide.no-child-lead")}</p><p><a class="button go" href="${to("child")}">${icon("plus")}<span>${words("child.title")}</span></a></p>`;
    }
    return html`${this.notes()}${this.news ? this.#change() : null}<h1 tabindex="-1">${words("decide.empty-title")}</h1>${said}
      <div class="panel empty" data-key="empty"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span><p>${words("decide.empty")}</p>
      ${child ? html`<p class="second">${words("decide.empty-child", { name: listed(children.map((one) => one.name)) })}</p><p><a class="link" href="${to("ask")}">${words("contacts.invite")}</a></p>` : null}</div>`;
  }
}

customElements.define("rf-decide", Decide);
