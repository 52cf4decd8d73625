/** `rf-child-home`: who do you want to call? Posts in a fence up to 12, a list from 13; never sorted by who is called most. */
import { html, View } from "../../shared/html.js";
import { timeOfDay, usedUp } from "../../shared/limits.js";
import { chip, fencePost, icon, mark } from "../../shared/parts.js";
import { words } from "../../shared/words.js";
import { dock, top, waiting } from "../frame.js";
import { known } from "../known.js";
/** @typedef {import("../known.js").Ask} Ask */
/** @typedef {import("../known.js").Person} Person */
/** @typedef {import("../../shared/protocol.js").Status} Status */

/** Word, shape and colour of a presence; nothing where it is not known: it is never guessed. @param {Status | undefined} status */
const presence = (status) =>
  status === "here" ? chip("ok", "tick", words("home.here"))
  : status === "busy" ? chip("wait", "phone", words("home.busy"))
  : status === "away" ? chip("rest", "clock", words("home.away"))
  : null;

export class RfChildHome extends View {
  /** @type {ReadonlyMap<string, Status>} */ presence = new Map();
  /** @type {boolean} is the page open on another screen */ elsewhere = false;

  /** @param {Person} person */
  #post(person) {
    return html`<li data-key="${person.ref}">${fencePost({
      card: person, href: `#/call/${person.ref}`, before: words("home.call"), state: person.voice ? presence(this.presence.get(person.ref)) : chip("rest", "mic-off", words("home.off")),
    })}</li>`;
  }

  /** @param {Ask} ask */
  #waiting(ask) {
    return html`<li data-key="ask-${ask.id}"><a class="post dashed" href="#/asks">${icon("wait")}<span class="plate"
      ><span class="name">${ask.name ?? words("ask.unknown")}</span>${chip("wait", null, words("home.waiting"))}</span></a></li>`;
  }

  /** Until when today, or how long: one plate, and the way to the whole of it. Nothing where nothing is set. */
  #times() {
    const limits = known.home?.limits;
    if (!limits || (!limits.quiet && limits.minutes === null)) return null;
    const line = usedUp(limits) ? words("home.used-up") : limits.quiet ? words("home.until", { time: timeOfDay(limits.quiet.from) }) : words("home.minutes", { n: limits.minutes ?? 0 });
    return html`<p class="plate-line" data-key="times">${icon("clock")}<span>${line}</span><a href="#/times">${words("home.times")}</a></p>`;
  }

  /** @override */
  draw() {
    const home = known.home;
    if (!home) {
      return html`${top(words(known.trouble === "offline" ? "home.offline" : known.trouble ? "home.stuck" : "home.loading"))}
        <main id="main">${known.trouble
          ? html`<div class="column"><button type="button" class="button" data-do="again">${words("home.again")}</button></div>`
          : waiting(words("home.loading"))}</main>${dock("home")}`;
    }
    const mine = home.asks.filter((ask) => ask.waiting_for_me);
    const others = home.asks.filter((ask) => !ask.waiting_for_me);
    const news = html`${known.trouble ? html`<p class="plate-line" role="status">${words(known.trouble === "offline" ? "home.offline" : "home.stuck")}</p>` : null}
      ${this.elsewhere ? html`<p class="plate-line">${words("home.elsewhere")}<button type="button" class="button" data-do="reload">${words("home.again")}</button></p>` : null}
      ${mine.length ? html`<p class="plate-line"><span>${words("home.asks", { n: mine.length })}</span><a class="button" href="#/ask/${mine[0]?.id}">${words("home.asks-link")}</a></p>` : null}`;
    if (home.people.length === 0) {
      return html`${top(words("empty.title"), home.me)}
        <main id="main"><div class="news">${news}</div>
          <div class="column"><p class="lead">${words("empty.lead")}</p>
          <ul class="fence blank-fence" aria-hidden="true"><li><span class="post dashed"></span></li><li><span class="post dashed"></span></li><li><span class="post dashed"></span></li></ul>
          <div class="answers"><a class="button" href="#/code">${icon("list")}<span>${words("empty.show")}</span></a><a class="button" href="#/enter">${icon("keys")}<span>${words("empty.enter")}</span></a></div>
          ${others.length ? html`<p class="plate-line"><span>${words("home.waiting")}</span><a href="#/asks">${words("home.asks-link")}</a></p>` : null}
          </div></main>${dock("home")}`;
    }
    return html`${top(words("home.title", { name: home.me.name }), home.me)}
      <main id="main"><p class="lead">${words("home.lead")}</p>
        <div class="news">${news}${home.limits && usedUp(home.limits) ? this.#times() : null}</div>
        <ul class="fence">${home.people.map((person) => this.#post(person))}${others.map((ask) => this.#waiting(ask))}
          <li data-key="add"><a class="post dashed" href="#/add">${icon("plus")}<span class="plate"><span class="name">${words("home.add")}</span><span class="hint">${words("home.four")}</span></span></a></li></ul>
        <div class="truth"><p class="plate-line">${mark()}<span>${words("home.who", { n: home.people.length })}</span><a href="#/yeses">${words("home.who-link")}</a></p>${home.limits && usedUp(home.limits) ? null : this.#times()}</div>
      </main>${dock("home")}`;
  }
}

customElements.define("rf-child-home", RfChildHome);
