/** A link from one grown-up to another (single use, 7 days): making it, and what somebody sees who has been given one. */
import { post } from "../../shared/api.js";
import { html } from "../../shared/html.js";
import { icon, peg } from "../../shared/parts.js";
import { say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { look, renew } from "../known.js";
import { Page, radios, typed, waiting } from "../page.js";
import { carried, go, to } from "../route.js";
import { dayIn } from "../when.js";
import { whose } from "../whose.js";

const HOW = ["class", "club", "family", "neighbour", "family_friend", "other"];

class Invite extends Page {
  /** @type {{url: string, until: string} | null} */ #made = null;

  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return { make: () => void this.attempt(() => this.#make()), copy: () => void this.#copy() };
  }

  async #make() {
    const child = whose();
    if (!child) return;
    const { url, expires_in_s: seconds } = await post("/api/links", { child: child.id });
    this.#made = { url, until: dayIn(seconds) };
    this.mistakes = [];
    this.update();
    this.querySelector("input")?.focus();
  }

  async #copy() {
    const field = this.querySelector("input");
    try {
      await navigator.clipboard.writeText(this.#made?.url ?? "");
      this.done(words("invite.copied"));
    } catch {
      field?.focus();
      field?.select();
      say(words("invite.copy-by-hand"));
      this.news = words("invite.copy-by-hand");
      this.update();
    }
  }

  /** @override */
  firstField() {
    return "make";
  }

  /** @override */
  draw() {
    const child = whose();
    if (!child) return html`<h1 tabindex="-1">${words("invite.title")}</h1>${look("family") ? html`<p class="lead">${words("contacts.no-child")}</p><p><a class="button go" href="${to("child")}">${words("child.title")}</a></p>` : waiting()}`;
    return html`<a class="link back" href="${to("contacts")}" data-key="back">${words("back")}</a>${this.notes()}<h1 tabindex="-1">${words("invite.title")}</h1><p class="lead">${words("invite.lead")}</p>
      <ol class="steps panel">${[1, 2, 3].map((n) => html`<li><p>${words(`invite.${n}`)}</p></li>`)}</ol>
      <p class="with-post" data-key="for">${peg(child, "small")}<span>${words("invite.for", { name: child.name })}</span></p>
      ${this.#made ? html`<div class="panel made" data-key="made"><div class="field"><label for="link">${words("invite.link")}</label><input id="link" readonly value="${this.#made.url}"></div>
        <p class="second">${words("invite.once", { date: this.#made.until })}</p>
        <p class="buttons"><button class="button go" type="button" data-do="copy">${icon("link")}<span>${words("invite.copy")}</span></button><button class="button" type="button" id="make" data-do="make">${words("invite.again")}</button></p></div>`
        : html`<p data-key="make"><button class="button go" type="button" id="make" data-do="make">${icon("link")}<span>${words("invite.make")}</span></button></p>`}`;
  }
}

/** What the link says, once somebody is signed in. @type {{child_name: string, from_name: string} | null} */
let link = null;
/** A link that does not work, or has been used now. */
let gone = false;

class Invited extends Page {
  #asking = false;

  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return {
      refuse: () => go("invited", "no"),
      accept: (control) => void this.attempt(() => this.#accept(control.dataset.answer)),
      whom: () => this.update(),
    };
  }

  async #read() {
    if (this.#asking || link || gone) return;
    this.#asking = true;
    try {
      link = await post("/api/links/look", { token: carried().invite });
    } catch {
      gone = true;
    }
    this.#asking = false;
    this.update();
    this.dispatchEvent(new CustomEvent("arrived", { bubbles: true }));
  }

  /** @param {string | undefined} answer */
  async #accept(answer) {
    const form = this.querySelector("form");
    if (!form) return;
    const children = look("family")?.children ?? [];
    const filled = typed(form);
    const forWhom = look("me")?.kind === "trusted_adult" ? "me" : filled.whom;
    const mistakes = [
      ...(forWhom === "me" || children.some((one) => one.id === forWhom) ? [] : [{ field: "whom", words: words("problem.who-for") }]),
      ...(HOW.includes(filled.how ?? "") ? [] : [{ field: "how", words: words("problem.how-known") }]),
    ];
    if (mistakes.length > 0) return this.complain(mistakes);
    await post("/api/links/accept", { token: carried().invite, for: forWhom, how_known: filled.how, ...(answer ? { answer } : {}) });
    carried().invite = "";
    link = null;
    await renew("decisions", "people", "contacts");
    go("invited", "done");
  }

  /** @override */
  firstField() {
    return "whom";
  }

  /** @override @param {import("../../shared/api.js").ApiFault} fault */
  explain(fault) {
    return fault.code === "no_match" || fault.code === "not_found" ? words("invited.gone-lead") : super.explain(fault);
  }

  /** @override */
  draw() {
    const me = look("me");
    const home = html`<p><a class="button go" href="${to(me?.kind === "trusted_adult" ? "call" : "decide")}">${words("invited.home")}</a></p>`;
    if (!me) return html`<h1 tabindex="-1">${words("invited.first")}</h1><p class="lead">${words("invited.first-lead")}</p>
      <div class="doors"><a class="button door" href="${to("sign-in")}"><span>${words("invited.sign-in")}</span></a>
      <a class="button door" href="${to("sign-up")}"><span>${words("invited.guardian")}<span class="sub">${words("invited.guardian-help")}</span></span></a>
      <a class="button door" href="${to("sign-up", "adult")}"><span>${words("invited.adult")}<span class="sub">${words("invited.adult-help")}</span></span></a></div>`;
    if (this.parts[0] === "done") return html`<h1 tabindex="-1">${words("invited.done")}</h1><p class="lead">${words("invited.done-lead")}</p>${home}`;
    if (this.parts[0] === "no") return html`<h1 tabindex="-1">${words("invited.declined")}</h1><p class="lead">${words("invited.declined-lead")}</p>${home}`;
    if (gone || !carried().invite) return html`<h1 tabindex="-1">${words("invited.gone")}</h1><p class="lead">${words("invited.gone-lead")}</p>${home}`;
    if (!link || !look("family")) {
      void this.#read();
      return html`<h1 tabindex="-1">${words("invited.first")}</h1>${waiting()}`;
    }
    const children = look("family")?.children ?? [];
    const fill = { from: link.from_name, child: link.child_name };
    const whom = [...children.map((one) => ({ value: one.id, words: html`<span class="with-post">${peg(one, "small")}${one.name}</span>` })), { value: "me", words: html`<span class="with-post">${peg(me, "small")}${words("invited.for-me")}</span>` }];
    return html`${this.notes()}<h1 tabindex="-1">${words("invited.title", fill)}</h1><p class="lead">${words("invited.sub", fill)}</p>
      <form class="form" novalidate>
        ${me.kind === "trusted_adult" ? null : radios({ id: "whom", legend: words("invited.for"), choices: whom, deed: "whom", wrong: this.wrong("whom") })}
        ${me.kind === "guardian" && children.length === 0 ? html`<p><a class="button" href="${to("child")}">${words("invited.add-child")}</a></p>` : null}
        ${radios({ id: "how", legend: words("invited.how"), choices: HOW.map((one) => ({ value: one, words: words(`how.${one}`) })), wrong: this.wrong("how") })}
        ${this.#answers(me.kind === "guardian")}
      </form>`;
  }

  /** For a child the same three answers as everywhere; for oneself a yes is a yes, and the child's family chooses voice or camera. @param {boolean} guardian */
  #answers(guardian) {
    const form = this.querySelector("form");
    const forChild = guardian && !(form && typed(form).whom === "me");
    /** @param {string} answer @param {import("../../shared/parts.js").IconName} sign @param {string} text */
    const yes = (answer, sign, text) => html`<button class="button" type="button" data-key="yes-${answer}" data-do="accept" data-answer="${answer}">${icon(sign)}<span>${text}</span></button>`;
    return html`<div class="answers ${forChild ? "three" : ""}" data-key="answers">${forChild
      ? [yes("camera", "cam", words("decide.a-camera")), yes("voice", "mic", words("decide.a-voice"))]
      : yes("", "tick", words("invited.yes"))}<button class="button" type="button" data-key="no" data-do="refuse">${icon("no")}<span>${words("invited.no")}</span></button></div>`;
  }
}

customElements.define("rf-invite", Invite);
customElements.define("rf-invited", Invited);
