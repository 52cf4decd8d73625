/**
 * Adding a child, one thing per page (design 3.16): three promises, each understood; then do you agree, two equal answers; then name,
 * age group, picture; check; done. Nothing is sent before the check page, so a no at any point leaves nothing behind.
 */
import { post } from "../../shared/api.js";
import { AVATARS } from "../../shared/avatars.js";
import { html } from "../../shared/html.js";
import { peg } from "../../shared/parts.js";
import { words } from "../../shared/words.js";
import { renew } from "../known.js";
import { Page, radios, textField, typed } from "../page.js";
import { anyPicture, pictureForm } from "../picture.js";
import { carried, go, to } from "../route.js";
import { choose } from "../whose.js";
import { nameMistakes } from "./sign_up.js";

/** @typedef {import("../facts.js").AgeGroup} AgeGroup */

/** The promises as they read on this day; a new wording is a new version. */
const VERSION = "2026-11";
const PROMISES = /** @type {const} */ (["keep", "no_recording", "change_mind"]);
/** @type {AgeGroup[]} */
const GROUPS = ["5-8", "9-12", "13-15", "16-17"];
/** The order of the pages; a page is open when everything before it has been done. */
const STEPS = ["1", "2", "3", "agree", "name", "age", "picture", "check"];

const blank = () => ({ understood: 0, agreed: false, name: "", group: /** @type {AgeGroup | ""} */ (""), avatar: -1, ground: 0, later: false, made: { id: "", name: "" } });
let draft = blank();

/** How far somebody may go: a page that needs an answer which is not there yet leads back to the question. */
function reached() {
  if (draft.understood < PROMISES.length) return draft.understood;
  if (!draft.agreed) return STEPS.indexOf("agree");
  if (!draft.name) return STEPS.indexOf("name");
  if (!draft.group) return STEPS.indexOf("age");
  if (draft.avatar < 0) return STEPS.indexOf("picture");
  return STEPS.indexOf("check");
}

class AddChild extends Page {
  get step() {
    const wanted = this.parts[0] ?? "1";
    if (wanted === "done" && draft.made.id) return "done";
    if (wanted === "no") return "no";
    return STEPS[Math.min(Math.max(STEPS.indexOf(wanted), 0), reached())] ?? "1";
  }

  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return {
      understand: (control) => {
        draft.understood = Math.max(draft.understood, Number(control.dataset.promise));
        go("child", draft.understood < PROMISES.length ? String(draft.understood + 1) : "agree");
      },
      agree: () => { draft.agreed = true; go("child", "name"); },
      refuse: () => { draft = blank(); go("child", "no"); },
      later: () => { Object.assign(draft, anyPicture(), { later: true }); go("child", "check"); },
      pick: () => this.#pick(),
      save: () => void this.attempt(() => this.#save()),
    };
  }

  #pick() {
    const form = this.querySelector("form");
    if (!form) return;
    const chosen = typed(form);
    draft.avatar = Number(chosen.avatar ?? -1);
    draft.later = false;
    const grounds = AVATARS[draft.avatar]?.grounds ?? [];
    draft.ground = grounds.includes(Number(chosen.ground)) ? Number(chosen.ground) : (grounds[0] ?? 1);
    this.update();
  }

  /** @override @param {HTMLFormElement} form */
  send(form) {
    const filled = typed(form);
    if (this.step === "name") {
      const mistakes = nameMistakes(filled.name ?? "", "name");
      if (mistakes.length > 0) return this.complain(mistakes);
      draft.name = filled.name ?? "";
      return go("child", reached() === STEPS.indexOf("check") ? "check" : "age");
    }
    if (this.step === "age") {
      const group = GROUPS.find((one) => one === filled.age);
      if (!group) return this.complain([{ field: "age", words: words("problem.age") }]);
      draft.group = group;
      return go("child", reached() === STEPS.indexOf("check") ? "check" : "picture");
    }
    if (!AVATARS[draft.avatar]) return this.complain([{ field: "avatar-0", words: words("problem.picture") }]);
    go("child", "check");
  }

  async #save() {
    const { name, group, avatar, ground } = draft;
    const answer = await post("/api/children", { name, avatar, ground, group, consent: { version: VERSION, agreed: [...PROMISES] } });
    const id = answer?.child?.id ?? answer?.id ?? "";
    draft = { ...blank(), made: { id, name } };
    choose(id);
    await renew("family", "me");
    go("child", "done");
  }

  /** @param {string | null} page */
  #back(page) {
    return html`<a class="link back" href="${page ? to("child", page) : to("decide")}" data-key="back">${words("back")}</a>`;
  }

  /** @override */
  draw() {
    switch (this.step) {
      case "1": case "2": case "3": return this.#promise(Number(this.step));
      case "agree": return html`${this.#back("3")}<h1 tabindex="-1">${words("consent.ask")}</h1><p class="lead">${words("consent.ask-lead")}</p>
        <ol class="promises">${PROMISES.map((one, n) => html`<li><span>${words(`consent.${one}`)} <a class="link" href="${to("child", String(n + 1))}">${words("consent.read-again")}<span class="hidden-words">: ${words("consent.step", { n: n + 1 })}</span></a></span></li>`)}</ol>
        <div class="answers"><button class="button" type="button" data-do="agree">${words("consent.yes")}</button><button class="button" type="button" data-do="refuse">${words("consent.no")}</button></div>`;
      case "no": return html`<h1 tabindex="-1">${words("consent.after-no")}</h1><p class="lead">${words("consent.after-no-lead")}</p>
        <div class="buttons"><a class="button" href="${to("child", "1")}">${words("consent.read-again")}</a><a class="button" href="${to("decide")}">${words("invited.home")}</a></div>`;
      case "name": return html`${this.#back("agree")}${this.notes()}<p class="caption">${words("sign-up.question", { n: 1, of: 3 })}</p><h1 tabindex="-1">${words("child.name")}</h1>
        <form class="form" novalidate>${textField({ id: "name", label: words("child.check-name"), help: words("child.name-help"), value: draft.name, wrong: this.wrong("name") })}
        <p><button class="button go">${words("continue")}</button></p></form>`;
      case "age": return html`${this.#back("name")}${this.notes()}<p class="caption">${words("sign-up.question", { n: 2, of: 3 })}</p><h1 tabindex="-1">${words("child.age")}</h1><p class="lead">${words("child.age-help")}</p>
        <form class="form" novalidate>${radios({ id: "age", legend: words("child.age"), plain: true, chosen: draft.group, wrong: this.wrong("age"), choices: GROUPS.map((one) => ({ value: one, words: words(`age.${one}`) })) })}
        <p><button class="button go">${words("continue")}</button></p></form>`;
      case "picture": return html`${this.#back("age")}${this.notes()}<p class="caption">${words("sign-up.question", { n: 3, of: 3 })}</p><h1 tabindex="-1">${words("child.picture")}</h1>
        <p><button class="link" type="button" data-do="later">${words("child.picture-later")}</button></p>
        <form class="form" novalidate>${pictureForm(draft, this.wrong("avatar-0"))}<p class="next"><button class="button go">${words("continue")}</button></p></form>`;
      case "check": return this.#check();
      default: return html`<h1 tabindex="-1">${words("child.done", { name: draft.made.name })}</h1><p class="lead">${words("child.done-lead", { name: draft.made.name })}</p>
        <div class="buttons">${carried().invite ? html`<a class="button go" href="${to("invited")}">${words("continue")}</a>` : html`<a class="button go" href="${to("devices", "add")}">${words("child.next-device", { name: draft.made.name })}</a>`}
        <a class="button" href="${to("decide")}">${words("child.next-later")}</a></div>`;
    }
  }

  /** @param {number} n */
  #promise(n) {
    return html`${this.#back(n > 1 ? String(n - 1) : null)}<p class="caption">${words("consent.step", { n })}</p><h1 tabindex="-1">${words("consent.title")}</h1>
      <p class="promise panel">${words(`consent.${PROMISES[n - 1] ?? "keep"}`)}</p>
      <p><button class="button go" type="button" data-do="understand" data-promise="${n}">${words("consent.understand")}</button></p>`;
  }

  #check() {
    /** @param {string} label @param {unknown} value @param {string} step */
    const row = (label, value, step) => html`<div><dt>${label}</dt><dd>${value}</dd><dd class="change"><a class="link" href="${to("child", step)}">${words("child.change")}<span class="hidden-words"> ${label}</span></a></dd></div>`;
    return html`${this.#back("picture")}${this.notes()}<h1 tabindex="-1">${words("child.check")}</h1>
      <dl class="facts check panel">${row(words("child.check-name"), draft.name, "name")}${row(words("child.check-age"), draft.group ? words(`age.${draft.group}`) : "", "age")}${row(
        words("child.check-picture"), html`<span class="check-picture">${peg({ name: draft.name, avatar: draft.avatar, ground: draft.ground }, "small")}${draft.later ? html`<span>${words("child.picture-later-said")}</span>` : html`<span>${words(`picture.${AVATARS[draft.avatar]?.name ?? ""}`)}</span>`}</span>`, "picture")}</dl>
      <p><button class="button go" type="button" id="save" data-do="save">${words("child.save")}</button></p>`;
  }
}

customElements.define("rf-add-child", AddChild);
