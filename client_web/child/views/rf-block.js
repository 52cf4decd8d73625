/**
 * `rf-block`: stop somebody calling me. One question, what happens, who will know (nobody), two answers of one size: two taps from the
 * person's page, and no grown-up is asked. `rf-blocked`: whom I have stopped, with Undo.
 */
import { get, post } from "../../shared/api.js";
import { html, View } from "../../shared/html.js";
import { avatar, ground, peg } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { arrive, say } from "../../shared/say.js";
import { dated, words } from "../../shared/words.js";
import { back, dock, top, waiting } from "../frame.js";
import { personOf, refresh } from "../known.js";
/** @typedef {{ref: string, name: string, avatar: number, ground: number, at: number}} Blocked */

export class RfBlock extends View {
  ref = "";
  #stuck = false;
  /** Who it was: the person is gone from the page when it is done. @type {import("../known.js").Person | null} */ #done = null;

  constructor() {
    super();
    onPress(this, { yes: () => void this.#block() });
  }

  async #block() {
    const person = personOf(this.ref);
    try {
      await post(`/api/child/people/${encodeURIComponent(this.ref)}/block`);
      this.#done = person;
      this.#stuck = false;
      this.update();
      await refresh();
    } catch {
      this.#stuck = true;
    }
    this.update();
    arrive();
  }

  /** @override */
  draw() {
    const person = this.#done ?? personOf(this.ref);
    if (!person) return html`${top(words("blocked.title"))}<main id="main" class="column">${back("#/")}</main>${dock("")}`;
    const fill = { name: person.name };
    const post = html`<div class="rails ask-post"><div class="post big ${ground(person.ground)}" aria-hidden="true">${avatar(person.avatar)}</div></div>`;
    if (this.#done) {
      return html`<main id="main" class="middle"><h1 tabindex="-1">${words("block.done")}</h1><rf-read class="corner"></rf-read><p class="lead">${words("block.done-lead", fill)}</p><p>${words("block.undo")}</p>
        <div class="answers"><a class="button" href="#/">${words("ended.ok")}</a></div></main>${dock("")}`;
    }
    return html`<header class="top"><h1 tabindex="-1">${words("block.q", fill)}</h1><rf-read></rf-read></header><main id="main" class="column">
      ${this.#stuck ? html`<p class="panel" role="alert">${words("home.stuck")}</p>` : null}${post}
      <p class="lead">${words("block.lead", fill)}</p>
      <p class="panel">${words("block.now", fill)} ${words("block.who", fill)} ${words("block.undo")}</p>
      <div class="answers"><button type="button" class="button" data-do="yes" data-key="yes">${words("block.yes")}</button><a class="button" href="#/" data-key="no">${words("block.no")}</a></div></main>${dock("")}`;
  }
}

export class RfBlocked extends View {
  /** @type {Blocked[] | null} */ #list = null;
  #stuck = false;
  #news = "";

  constructor() {
    super();
    onPress(this, { undo: (control) => void this.#undo(control.dataset.ref ?? "") });
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    void this.#load();
  }

  async #load() {
    try {
      this.#list = await get("/api/child/blocks");
      this.#stuck = false;
    } catch {
      this.#stuck = true;
    }
    this.update();
  }

  /** @param {string} ref */
  async #undo(ref) {
    const name = this.#list?.find((one) => one.ref === ref)?.name ?? words("someone");
    try {
      await post(`/api/child/people/${encodeURIComponent(ref)}/unblock`);
      this.#news = words("blocked.undone", { name });
      await Promise.all([this.#load(), refresh()]);
    } catch {
      this.#news = words("home.stuck");
    }
    this.update();
    arrive();
    say(this.#news);
  }

  /** @override */
  draw() {
    const list = this.#list;
    return html`${top(words("blocked.title"))}<main id="main" class="column">
      ${this.#news ? html`<p class="panel" data-key="news">${this.#news}</p>` : null}
      ${this.#stuck ? html`<p class="panel" data-key="stuck">${words("home.stuck")}</p>` : !list ? waiting(words("home.loading")) : html`
      <p class="lead" data-key="lead">${words(list.length ? "blocked.who" : "blocked.none")}</p>
      <ul class="rail-list" data-key="list">${list.map((one) => html`<li data-key="${one.ref}">${peg(one, "small")}<span class="grow"><b class="name">${one.name}</b><br>${words("blocked.on", { date: dated(new Date(one.at).toISOString()) })}</span>
        <button type="button" class="button" data-do="undo" data-ref="${one.ref}">${words("blocked.undo")}<span class="hidden-words"> ${one.name}</span></button></li>`)}</ul>`}
      ${back("#/me")}</main>${dock("me")}`;
  }
}

customElements.define("rf-block", RfBlock);
customElements.define("rf-blocked", RfBlocked);
