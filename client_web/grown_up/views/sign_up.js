/** Signing in, and starting with you: a guardian or a trusted adult sets up their own account, one thing per page (design 3.16). */
import { post } from "../../shared/api.js";
import { AVATARS } from "../../shared/avatars.js";
import { html } from "../../shared/html.js";
import { words } from "../../shared/words.js";
import { Page, textField, typed } from "../page.js";
import { pictureForm } from "../picture.js";
import { carried, go, to } from "../route.js";

/** @typedef {import("../../shared/api.js").ApiFault} ApiFault */
/** @typedef {import("../page.js").Mistake} Mistake */

/** Short enough for a phone, long enough to be hard to guess; the server has the same number. */
const SHORTEST_PASSWORD = 8;
const LONGEST_NAME = 40;

/** @param {string} text @param {string} field @returns {Mistake[]} */
export const nameMistakes = (text, field) =>
  text === "" ? [{ field, words: words("problem.name") }] : [...text].length > LONGEST_NAME ? [{ field, words: words("problem.name-long") }] : [];

/** @param {string} text @returns {Mistake[]} */
const emailMistakes = (text) => (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text) ? [] : [{ field: "email", words: words("problem.email") }]);

/** Signed in: where to go from here. @param {Page} page @param {() => void} next */
const comeIn = (page, next) => {
  page.dispatchEvent(new CustomEvent("signed-in", { bubbles: true }));
  next();
};

class SignIn extends Page {
  /** @override @param {HTMLFormElement} form */
  async send(form) {
    const { email = "", password = "" } = typed(form);
    const mistakes = [...emailMistakes(email), ...(password ? [] : [{ field: "password", words: words("problem.password-missing") }])];
    if (mistakes.length > 0) return this.complain(mistakes);
    await post("/api/sign-in", { email, password });
    comeIn(this, () => {
      if (carried().invite) go("invited");
      else if (carried().pair.length > 0) go("pair");
    });
  }

  /** @override */
  firstField() {
    return "email";
  }

  /** @override @param {ApiFault} fault */
  explain(fault) {
    return fault.code === "wrong_sign_in" ? words("problem.sign-in") : super.explain(fault);
  }

  /** @override */
  draw() {
    return html`${this.notes()}<h1 tabindex="-1">${words("sign-in.title")}</h1><p class="lead">${words("sign-in.lead")}</p>
      <form class="form" novalidate>
        ${textField({ id: "email", label: words("sign-in.email"), type: "email", autocomplete: "username", wrong: this.wrong("email") })}
        ${textField({ id: "password", label: words("sign-in.password"), type: "password", autocomplete: "current-password", wrong: this.wrong("password") })}
        <p><button class="button go">${words("sign-in.go")}</button></p>
      </form>
      <ul class="other-ways"><li><a class="link" href="${to("sign-up")}">${words("sign-in.new")}</a></li><li><a class="link" href="/child/">${words("sign-in.child")}</a></li><li><a class="link" href="/">${words("sign-in.start")}</a></li></ul>`;
  }
}

/** What somebody has filled in so far, kept until it is sent and no longer. */
const draft = { name: "", email: "", password: "", avatar: -1, ground: 0 };

class SignUp extends Page {
  get adult() {
    return this.parts[0] === "adult";
  }

  get picking() {
    return this.parts.includes("picture") && draft.email !== "";
  }

  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return { pick: () => this.#pick() };
  }

  #pick() {
    const form = this.querySelector("form");
    if (!form) return;
    const chosen = typed(form);
    draft.avatar = Number(chosen.avatar ?? -1);
    const grounds = AVATARS[draft.avatar]?.grounds ?? [];
    const ground = Number(chosen.ground ?? 0);
    draft.ground = grounds.includes(ground) ? ground : (grounds[0] ?? 1);
    this.update();
  }

  /** @override @param {HTMLFormElement} form */
  async send(form) {
    const filled = typed(form);
    if (!this.picking) {
      const { name = "", email = "", password = "" } = filled;
      const mistakes = [...nameMistakes(name, "name"), ...emailMistakes(email),
        ...(password.length >= SHORTEST_PASSWORD ? [] : [{ field: "password", words: words("problem.password") }])];
      if (mistakes.length > 0) return this.complain(mistakes);
      Object.assign(draft, { name, email, password });
      this.mistakes = [];
      return go("sign-up", ...(this.adult ? ["adult"] : []), "picture");
    }
    if (!AVATARS[draft.avatar]) return this.complain([{ field: "avatar-0", words: words("problem.picture") }]);
    const kind = this.adult ? "trusted_adult" : "guardian";
    await post("/api/sign-up", { ...draft, country: "GB", time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "Europe/London", kind });
    Object.assign(draft, { name: "", email: "", password: "", avatar: -1, ground: 0 });
    comeIn(this, () => {
      if (kind === "trusted_adult" && carried().invite) go("invited");
      else if (kind === "trusted_adult") go("call");
      else go("child");
    });
  }

  /** @override */
  firstField() {
    return this.picking ? "avatar-0" : "name";
  }

  /** @override @param {ApiFault} fault */
  explain(fault) {
    return fault.code === "cannot_sign_up" ? words("problem.sign-up") : super.explain(fault);
  }

  /** @override */
  draw() {
    const question = html`<p class="caption">${words("sign-up.question", { n: this.picking ? 2 : 1, of: 2 })}</p>`;
    if (this.picking) {
      return html`<a class="link back" href="${to("sign-up", ...(this.adult ? ["adult"] : []))}" data-key="back">${words("back")}</a>${this.notes()}${question}
        <h1 tabindex="-1">${words("sign-up.picture")}</h1><p class="lead">${words("sign-up.picture-lead")}</p>
        <form class="form" novalidate>${pictureForm(draft, this.wrong("avatar-0"))}<p class="next"><button class="button go">${words("sign-up.done")}</button></p></form>`;
    }
    return html`<a class="link back" href="${to("sign-in")}" data-key="back">${words("back")}</a>${this.notes()}${question}
      <h1 tabindex="-1">${words("sign-up.title")}</h1><p class="lead">${words(this.adult ? "sign-up.lead-adult" : "sign-up.lead")}</p>
      <form class="form" novalidate>
        ${textField({ id: "name", label: words("sign-up.name"), help: words("sign-up.name-help"), autocomplete: "name", value: draft.name, wrong: this.wrong("name") })}
        ${textField({ id: "email", label: words("sign-up.email"), help: words("sign-up.why"), type: "email", autocomplete: "username", value: draft.email, wrong: this.wrong("email") })}
        ${textField({ id: "password", label: words("sign-up.password"), help: words("sign-up.password-help"), type: "password", autocomplete: "new-password", wrong: this.wrong("password") })}
        <p><button class="button go">${words("continue")}</button></p>
      </form>
      <ul class="other-ways"><li><a class="link" href="${to("sign-in")}">${words("sign-up.have")}</a></li></ul>`;
  }
}

customElements.define("rf-sign-in", SignIn);
customElements.define("rf-sign-up", SignUp);
