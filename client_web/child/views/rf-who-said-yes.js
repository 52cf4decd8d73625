/** `rf-who-said-yes`: each person above their four yeses, and "I changed my mind", which asks no reason. */
import { post } from "../../shared/api.js";
import { html, View } from "../../shared/html.js";
import { peg, yeses } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { arrive, say } from "../../shared/say.js";
import { dated, listed, words } from "../../shared/words.js";
import { back, dock, top } from "../frame.js";
import { known, personOf, refresh } from "../known.js";
/** @typedef {import("../known.js").Person} Person */

export class RfWhoSaidYes extends View {
  #stopped = "";
  #stuck = false;
  /** Whom the question is about. It stands on the page itself, because in front of a dialog Help could not be pressed. */ #asked = "";

  constructor() {
    super();
    onPress(this, {
      stop: (control) => this.#ask(control.dataset.ref ?? ""),
      "stop-yes": () => void this.#stop(this.#asked),
      "stop-no": () => this.#keep(),
    });
  }

  /** @param {string} ref */
  #ask(ref) {
    this.#asked = ref;
    this.update();
    arrive();
  }

  #keep() {
    const ref = this.#asked;
    this.#asked = "";
    this.update();
    arrive();
    const pressed = /** @type {HTMLElement | null} */ (this.querySelector(`[data-do=stop][data-ref="${CSS.escape(ref)}"]`));
    pressed?.focus();
  }

  /** @param {string} ref */
  async #stop(ref) {
    const name = personOf(ref)?.name ?? words("someone");
    try {
      await post(`/api/child/people/${encodeURIComponent(ref)}/end`);
      this.#stopped = words("yes.stopped", { name });
      this.#stuck = false;
      await refresh();
    } catch {
      this.#stuck = true;
    }
    this.#asked = "";
    this.update();
    arrive();
    say(this.#stuck ? words("home.stuck") : this.#stopped);
  }

  /** @param {Person} person */
  #person(person) {
    const names = person.yeses.map((yes) => (yes.who === "me" ? words("yes.you") : yes.name));
    return html`<li class="panel person" data-key="${person.ref}"><div class="head">${peg(person, "small")}<h2>${person.name}</h2></div>
      ${yeses(person.yeses.map((yes, n) => ({ card: { ...yes, name: names[n] ?? yes.name }, answer: "yes", words: words("yes.yes") })))}
      <p>${words("yes.line", { names: listed(names), n: names.length })} ${words("yes.until", { date: dated(person.until) })}</p>
      <button type="button" class="link" data-do="stop" data-ref="${person.ref}">${words("yes.stop", { name: person.name })}</button></li>`;
  }

  /** @override */
  draw() {
    const people = known.home?.people ?? [];
    const asked = people.find((person) => person.ref === this.#asked);
    if (asked) {
      return html`${top(words("yes.stop-q", { name: asked.name }))}<main id="main" class="column"><p class="lead">${words("yes.stop-text", { name: asked.name })}</p>
        <div class="answers"><button type="button" class="button" data-do="stop-yes" data-key="yes">${words("yes.stop-yes")}</button><button
          type="button" class="button" data-do="stop-no" data-key="no">${words("yes.stop-no")}</button></div></main>${dock("")}`;
    }
    return html`${top(words("yes.title"))}<main id="main" class="column">
      ${this.#stuck ? html`<p class="panel">${words("home.stuck")}</p>` : this.#stopped ? html`<p class="panel">${this.#stopped}</p>` : null}
      <p class="lead">${words(people.length ? "yes.lead" : "yes.none")}</p>
      <ul class="rows">${people.map((person) => this.#person(person))}</ul>${back("#/")}</main>${dock("")}`;
  }
}

customElements.define("rf-who-said-yes", RfWhoSaidYes);
