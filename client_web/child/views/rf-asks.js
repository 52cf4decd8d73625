/** `rf-ask`: would you like to call this person? Yes and No weigh the same. `rf-asks`: whose yes is still missing, in words. */
import { post } from "../../shared/api.js";
import { html, View } from "../../shared/html.js";
import { avatar, chip, ground, icon } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { arrive } from "../../shared/say.js";
import { listed, words } from "../../shared/words.js";
import { back, dock, top } from "../frame.js";
import { known, refresh } from "../known.js";
/** @typedef {import("../known.js").Ask} Ask */

const HOW_KNOWN = ["class", "club", "family", "neighbour", "family_friend", "other"];

export class RfAsk extends View {
  ask = "";
  #how = "";
  /** @type {"" | "yes" | "no" | "stuck"} */ #answered = "";

  constructor() {
    super();
    onPress(this, { yes: () => void this.#answer(true), no: () => void this.#answer(false) });
    this.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement) this.#how = event.target.value;
    });
  }

  /** @param {boolean} yes */
  async #answer(yes) {
    try {
      await post(`/api/child/asks/${encodeURIComponent(this.ask)}/answer`, { yes, ...(yes && this.#how ? { how_known: this.#how } : {}) });
      this.#answered = yes ? "yes" : "no";
      void refresh();
    } catch {
      this.#answered = "stuck";
    }
    this.update();
    arrive();
  }

  /** @override */
  draw() {
    const ask = known.home?.asks.find((each) => each.id === this.ask);
    if (this.#answered === "yes" || this.#answered === "no") {
      return html`${top(words(this.#answered === "yes" ? "ask.said-yes" : "ask.said-no"))}<main id="main" class="column">
        <div class="answers"><a class="button" href="#/">${words("ended.ok")}</a></div></main>${dock("")}`;
    }
    if (!ask?.waiting_for_me) return html`${top(words("ask.none"))}<main id="main" class="column">${back("#/")}</main>${dock("")}`;
    const name = ask.name ?? words("ask.unknown");
    return html`<header class="top"><h1 tabindex="-1">${words("ask.title", { name })}</h1><rf-read></rf-read></header>
      <main id="main" class="column">
      ${this.#answered === "stuck" ? html`<p class="panel" role="alert">${words("home.stuck")}</p>` : null}
      <div class="rails ask-post"><div class="post big ${ground(ask.ground)}" aria-hidden="true">${avatar(ask.avatar)}</div></div>
      <p class="lead">${words(ask.opened_by === "code" ? "ask.code" : "ask.link", { name })}</p>
      <p>${ask.group === "adult" ? words("ask.adult", { name }) : words("ask.group", { name, group: ask.group.replace("-", " to ") })} ${words("ask.means")} ${words("ask.no-means", { name })}</p>
      <p class="field"><label for="how">${words("enter.know")}</label><select id="how"><option value="">${words("ask.skip")}</option>${HOW_KNOWN.map((how) => html`
        <option value="${how}">${words(`know.${how}`)}</option>`)}</select></p>
      <div class="answers"><button type="button" class="button" data-do="no" data-key="no">${icon("no")}<span>${words("ask.no")}</span></button><button type="button" class="button" data-do="yes" data-key="yes">${icon("tick")}<span>${words("ask.yes")}</span></button></div>
      </main>${dock("")}`;
  }
}

export class RfAsks extends View {
  /** @param {Ask} ask */
  #row(ask) {
    const name = ask.name ?? words("ask.unknown");
    const who = listed(ask.waiting_for.map((each) => words(`ask.who.${each}`)));
    return html`<li data-key="${ask.id}"><span class="post small dashed" aria-hidden="true"></span><span class="grow"><b class="name">${name}</b><br>${words("ask.still", { who })}</span>
      ${ask.waiting_for_me ? html`<a class="button" href="#/ask/${ask.id}">${words("home.asks-link")}</a>` : chip("wait", "wait", words("home.waiting"))}</li>`;
  }

  /** @override */
  draw() {
    const asks = known.home?.asks ?? [];
    return html`${top(words("ask.waiting-title"))}<main id="main" class="column">${asks.length
      ? html`<ul class="rail-list">${asks.map((ask) => this.#row(ask))}</ul>`
      : html`<p class="lead">${words("ask.none")}</p>`}${back("#/")}</main>${dock("")}`;
  }
}

customElements.define("rf-ask", RfAsk);
customElements.define("rf-asks", RfAsks);
