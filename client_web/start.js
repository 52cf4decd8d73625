/**
 * The first page. In demo mode: the made-up people, each a post in the fence, to be opened in a tab and an origin of their own; and set
 * apart, the family that nobody has approved. Otherwise: two doors, a child's device and a grown-up.
 */
import { ApiFault, get, post } from "./shared/api.js";
import { askFirst } from "./shared/dialog.js";
import { html, View } from "./shared/html.js";
import { avatar, brand, chip, ground, icon, mark } from "./shared/parts.js";
import { onPress } from "./shared/press.js";
import { say } from "./shared/say.js";
import { addWords, loadWords, useBand, words } from "./shared/words.js";

/** @typedef {{slug: string, name: string, role: "child" | "parent" | "grown_up", family: string, of: string, avatar: number, ground: number, url: string}} Somebody */

/** The family that the demo sets apart. The server names it so (server/demo.py). */
const STRANGERS = "strangers";

class Start extends View {
  /** @type {Somebody[] | null} */ people = null;
  /** Not a demo: the plain doors. */ plain = false;
  stuck = false;
  news = "";
  wrong = "";

  constructor() {
    super();
    onPress(this, { reset: () => void this.#reset(), again: () => void this.load() });
  }

  async load() {
    try {
      this.people = (await get("/api/demo")).people;
      this.stuck = false;
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      this.plain = fault.status === 404;
      this.stuck = !this.plain;
    }
    this.update();
    document.title = words("title", { heading: this.querySelector("h1")?.textContent?.trim() ?? "Ringfence" });
    if (this.people) say(words("start.made-up"));
  }

  async #reset() {
    if (!await askFirst({ title: words("start.reset"), text: words("start.reset-q"), yes: words("start.reset-yes"), no: words("start.reset-no") })) return;
    this.people = null;
    this.news = this.wrong = "";
    this.update();
    say(words("start.making"));
    try {
      await post("/api/demo/reset");
      this.news = words("start.reset-done");
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      this.wrong = words("start.reset-failed");
    }
    await this.load();
    if (this.news || this.wrong) say(this.news || this.wrong);
  }

  /** @override */
  draw() {
    if (this.plain) return this.#doors();
    /** @type {Somebody[]} */
    const people = this.people ?? [];
    const apart = people.filter((person) => person.family === STRANGERS);
    const friends = people.filter((person) => person.family !== STRANGERS);
    return html`<header class="head">${brand("/")}</header><main>
      <h1 tabindex="-1">${words("start.title")}</h1><p class="lead">${words("start.lead")}</p>
      ${this.stuck ? html`<div class="panel"><p>${words("start.stuck")}</p><p><button class="button" type="button" data-do="again">${words("try-again")}</button></p></div>`
        : !this.people ? html`<div class="waiting"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span><p>${words("start.making")}</p></div>`
        : html`${this.news ? html`<p class="saved plate-line ok">${icon("tick")}<span>${this.news}</span></p>` : null}${this.wrong ? html`<p class="error-line">${icon("no")}<span>${this.wrong}</span></p>` : null}
        <div class="fences"><section class="friends"><h2>${words("start.who")}</h2><p class="second">${words("start.made-up")} ${words("start.friends")}</p>${this.#fence(friends)}</section>
        <section class="apart"><h2>${words("start.strangers")}</h2><p class="second">${words("start.strangers-lead")}</p>${this.#fence(apart)}</section></div>
        <p class="plate-line"><a class="link" href="/inspector/" target="_blank" rel="noopener">${words("start.inspector")}<span class="hidden-words"> ${words("start.tab")}</span></a><span>${words("start.inspector-lead")}</span></p>
        <footer class="plate-line">${mark()}<p>${words("start.note")}</p><button class="button" type="button" data-do="reset">${words("start.reset")}</button></footer>${this.#more()}`}</main>`;
  }

  /** @param {Somebody[]} people */
  #fence(people) {
    return html`<ul class="fence">${people.map((person) => html`<li data-key="${person.slug}"><a class="post ${ground(person.ground)}" href="${person.url}" target="_blank" rel="noopener">${avatar(person.avatar)}<span class="plate"
      ><span class="name"><span class="hidden-words">${words("start.be")} </span>${person.name}</span>${chip(person.role === "child" ? "ok" : "rest", null, words(`start.${person.role}`, { name: person.of }))}<span class="hidden-words">${words("start.tab")}</span></span></a></li>`)}</ul>`;
  }

  #doors() {
    return html`<header class="head">${brand("/")}</header><main class="doors-page">
      <h1 tabindex="-1">${words("start.plain-title")}</h1><p class="lead">${words("start.plain-lead")}</p>
      <div class="doors-and-how"><ul class="fence two"><li><a class="post g6" href="/child/">${avatar(8)}<span class="plate"><span class="name">${words("start.plain-child")}</span></span></a></li><li><a class="post g3" href="/grown-up/">${avatar(6)}<span class="plate"><span class="name">${words("start.plain-grown-up")}</span></span></a></li></ul>
      <section class="how"><h2>${words("start.how")}</h2><ol class="promises panel">${[1, 2, 3].map((n) => html`<li><span>${words(`start.how-${n}`)}</span></li>`)}</ol>${this.#more()}</section></div></main>`;
  }

  /** For whoever wants to know whether it is true. */
  #more() {
    return html`<p class="more" data-key="more"><a class="link" href="/promises/">${words("start.promises")}</a>${this.plain ? html`<a class="link" href="/inspector/">${words("start.inspect")}</a>` : null}</p>`;
  }
}

await loadWords();
await addWords(new URL("/grown-up/", location.href));
useBand("adult");
customElements.define("rf-start", Start);
const start = document.querySelector("rf-start");
if (start instanceof Start) void start.load();
