/**
 * Friend codes: `rf-add-friend` (which way round), `rf-friend-code` (show mine), `rf-enter-code` (type a friend's).
 * A code is four words, works once and for ten minutes. What is said about a wrong code never tells whether such a child or code exists.
 */
import { ApiFault, get, post } from "../../shared/api.js";
import { html, View } from "../../shared/html.js";
import { errorSummary, icon } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { arrive, say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { back, dock, top, waiting } from "../frame.js";

/** The fixed list: no free text, so that a code can never carry a message. */
const HOW_KNOWN = ["class", "club", "family", "neighbour", "family_friend", "other"];
const MINUTES = 10;

export class RfAddFriend extends View {
  /** @override */
  draw() {
    return html`${top(words("add.title"))}<main id="main" class="column"><p class="lead">${words("add.lead")}</p>
      <div class="answers"><a class="button" href="#/code">${icon("list")}<span>${words("empty.show")}</span></a><a class="button" href="#/enter">${icon("keys")}<span>${words("empty.enter")}</span></a></div>
      ${back("#/")}</main>${dock("")}`;
  }
}

export class RfFriendCode extends View {
  /** @type {string[]} */ #words = [];
  #ends = 0;
  /** @type {"waiting" | "live" | "over" | "stuck"} */ #state = "waiting";
  /** @type {ReturnType<typeof setInterval> | undefined} */ #clock;

  constructor() {
    super();
    onPress(this, { fresh: () => void this.#make() });
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    void this.#make();
    this.#clock = setInterval(() => this.#tick(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
  }

  get #left() {
    return Math.max(0, Math.ceil((this.#ends - Date.now()) / 60_000));
  }

  async #make() {
    this.#state = "waiting";
    this.update();
    try {
      const made = await post("/api/child/friend-code");
      this.#words = made.words;
      this.#ends = Date.now() + made.expires_in_s * 1000;
      this.#state = "live";
      this.update();
      say(words("code.say", { words: this.#words.join(", "), left: words("code.left", { n: this.#left }) }));
    } catch {
      this.#state = "stuck";
      this.update();
    }
  }

  #tick() {
    if (this.#state !== "live") return;
    if (Date.now() >= this.#ends) this.#state = "over";
    this.update();
  }

  /** @override */
  draw() {
    const n = this.#left;
    return html`${top(words("code.title"))}<main id="main" class="column">${
      this.#state === "waiting" ? waiting(words("home.loading"))
      : this.#state === "live" ? html`<p class="lead">${words("code.lead")}</p>
          <ol class="code">${this.#words.map((word) => html`<li>${word}</li>`)}</ol>
          <p class="minutes">${Array.from({ length: MINUTES }, (_, minute) => html`<i class="${minute < n ? "" : "gone"}" aria-hidden="true"></i>`)}<b>${words("code.left", { n })}</b></p>
          <p>${words("code.never")}</p><p class="second">${words("code.helper")}</p>`
      : html`<p class="lead">${words(this.#state === "over" ? "code.over" : "home.stuck")}</p>
          <button type="button" class="button" data-do="fresh">${words("code.new")}</button>`}
      ${back("#/")}</main>${dock("")}`;
  }
}

export class RfEnterCode extends View {
  /** @type {string[]} */ #list = [];
  #typed = ["", "", "", ""];
  #known = "";
  /** @type {{field: string, words: string}[]} */ #errors = [];
  #sent = false;
  #busy = false;

  constructor() {
    super();
    onPress(this, { send: (_, event) => { event.preventDefault(); void this.#send(); } });
    this.addEventListener("input", (event) => {
      const field = event.target;
      if (!(field instanceof HTMLInputElement)) return;
      if (field.name === "know") this.#known = field.value;
      else this.#typed[Number(field.dataset.n)] = field.value;
      if (field.name !== "know") this.update();
    });
    this.addEventListener("paste", (event) => {
      const found = /** @type {ClipboardEvent} */ (event).clipboardData?.getData("text").trim().toLowerCase().split(/[\s,-]+/) ?? [];
      if (found.length < 2) return;
      event.preventDefault();
      this.querySelectorAll("input[data-n]").forEach((field, n) => {
        /** @type {HTMLInputElement} */ (field).value = this.#typed[n] = found[n] ?? "";
      });
    });
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    get("/api/words").then((answer) => { this.#list = answer.words; this.update(); }, () => {});
  }

  async #send() {
    if (this.#busy) return;
    const typed = this.#typed.map((word) => word.trim().toLowerCase());
    this.#errors = typed.flatMap((word, n) => (word ? [] : [{ field: `word-${n}`, words: words("enter.need-word", { n: n + 1 }) }]));
    if (!this.#known) this.#errors.push({ field: "know-class", words: words("enter.need-know") });
    if (this.#errors.length === 0) {
      this.#busy = true;
      try {
        await post("/api/child/friend-code/enter", { words: typed, how_known: this.#known });
        this.#sent = true;
      } catch (fault) {
        const code = fault instanceof ApiFault ? fault.code : "internal";
        this.#errors = [{ field: "word-0", words: words(code === "no_match" ? "enter.wrong" : code === "slow_down" ? "enter.slow" : code === "offline" ? "home.offline" : "home.stuck") }];
      }
      this.#busy = false;
    }
    this.update();
    if (this.#sent) arrive();
    else /** @type {HTMLElement | null} */ (this.querySelector(".error-summary"))?.focus();
  }

  /** Words that begin like this, once there are two letters. @param {string} typed */
  #matching(typed) {
    const begin = typed.trim().toLowerCase();
    return begin.length < 2 ? [] : this.#list.filter((word) => word.startsWith(begin)).slice(0, 8);
  }

  /** @override */
  draw() {
    if (this.#sent) {
      return html`${top(words("enter.sent-title"))}<main id="main" class="column"><p class="lead">${words("enter.sent")}</p>
        <div class="answers"><a class="button" href="#/">${words("ended.ok")}</a></div></main>${dock("")}`;
    }
    const wrong = new Map(this.#errors.map((error) => [error.field, error.words]));
    return html`${top(words("enter.title"))}<main id="main" class="column">${errorSummary(words("enter.problem"), this.#errors)}
      <p class="lead">${words("enter.lead")}</p>
      <form class="rows" autocomplete="off"><div class="boxes">${[0, 1, 2, 3].map((n) => html`<p class="field ${wrong.has(`word-${n}`) ? "wrong" : ""}" data-key="box-${n}"
        ><label for="word-${n}">${words("enter.word", { n: n + 1 })}</label><input id="word-${n}" data-n="${n}" list="words-${n}" autocapitalize="off" autocorrect="off" spellcheck="false"
          autocomplete="off" maxlength="24" ${wrong.has(`word-${n}`) ? html`aria-invalid="true" aria-describedby="error-${n}"` : null}><datalist id="words-${n}">${this.#matching(this.#typed[n] ?? "").map((word) => html`<option value="${word}"></option>`)}</datalist
          ><span class="error-line" id="error-${n}">${wrong.get(`word-${n}`) ?? ""}</span></p>`)}</div>
      <fieldset class="choices"><legend>${words("enter.know")}</legend>${HOW_KNOWN.map((how) => html`<label class="choice"
        ><input type="radio" name="know" id="know-${how}" value="${how}"><span>${words(`know.${how}`)}</span></label>`)}</fieldset>
      <button type="submit" class="button go tall" data-do="send">${words("enter.send")}</button></form>
      ${back("#/add")}</main>${dock("")}`;
  }
}

customElements.define("rf-add-friend", RfAddFriend);
customElements.define("rf-friend-code", RfFriendCode);
customElements.define("rf-enter-code", RfEnterCode);
