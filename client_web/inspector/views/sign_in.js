/** The door: an inspector's key, or in a demo one press. */
import { ApiFault } from "../../shared/api.js";
import { html } from "../../shared/html.js";
import { errorSummary, icon } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { words } from "../../shared/words.js";
import { Page } from "../page.js";
import { enterDemo, isDemo, signIn } from "../session.js";

class SignIn extends Page {
  #wrong = "";
  #busy = false;
  #demo = false;

  constructor() {
    super();
    onPress(this, { demo: () => void this.#try(enterDemo) });
    this.addEventListener("submit", (event) => {
      event.preventDefault();
      const field = this.querySelector("input");
      const key = field?.value.trim() ?? "";
      if (!key) return this.#complain(words("sign-in.empty"));
      void this.#try(() => signIn(key));
    });
    this.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest(".error-summary a") : null;
      if (!link) return;
      event.preventDefault(); // the address after # is ours
      this.querySelector("input")?.focus();
    });
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    void isDemo().then((demo) => {
      this.#demo = demo;
      this.update();
    });
  }

  /** @param {string} text */
  #complain(text) {
    this.#wrong = text;
    this.update();
    const summary = this.querySelector(".error-summary");
    if (summary instanceof HTMLElement) summary.focus();
  }

  /** @param {() => Promise<unknown>} deed */
  async #try(deed) {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await deed();
      this.dispatchEvent(new CustomEvent("signed-in", { bubbles: true }));
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      const minutes = Math.max(1, Math.ceil(fault.retryAfter / 60));
      this.#complain(fault.code === "offline" ? words("stuck.offline") : fault.code === "slow_down" ? words("sign-in.slow-down", { n: minutes }) : fault.status >= 500 ? words("stuck") : words("sign-in.wrong"));
    } finally {
      this.#busy = false;
    }
  }

  /** @override */
  draw() {
    const wrong = this.#wrong;
    return html`${wrong ? errorSummary(words("problem.title"), [{ field: "key", words: wrong }]) : null}<h1 tabindex="-1">${words("sign-in.title")}</h1><p class="lead">${words("sign-in.lead")}</p>
      ${this.#demo ? html`<section class="panel demo-door" data-key="demo"><p>${words("sign-in.demo-lead")}</p><p><button class="button go" type="button" data-do="demo">${words("sign-in.demo")}</button></p></section>` : null}
      <form class="form" novalidate data-key="form"><div class="field ${wrong ? "wrong" : ""}"><label for="key">${words("sign-in.key")}</label><p class="help-line" id="key-help">${words("sign-in.key-help")}</p>
        ${wrong ? html`<p class="error-line" id="key-wrong">${icon("no")}<span>${wrong}</span></p>` : null}
        <input id="key" name="key" type="password" autocomplete="off" spellcheck="false" aria-describedby="key-help ${wrong ? "key-wrong" : ""}" ${wrong ? html`aria-invalid="true"` : null}></div>
      <p><button class="button">${words("sign-in.go")}</button></p></form>
      <section class="door-tells" data-key="tells"><h2>${words("sign-in.what")}</h2><ul class="ticks"><li>${icon("eye")}<span>${words("sign-in.can")}</span></li><li>${icon("eye-off")}<span>${words("sign-in.cannot")}</span></li></ul><p><a class="link" href="/promises/">${words("sign-in.promises")}</a></p></section>`;
  }
}

customElements.define("rf-sign-in", SignIn);
