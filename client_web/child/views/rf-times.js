/**
 * `rf-quiet-time`: it is quiet time; when calls open is the largest thing, one's own grown-ups stay callable, and Help is where it is.
 * `rf-my-times`: what my grown-ups have set, how much of today is used, and "That feels unfair"; for a teenager who leads, the same to set.
 * `rf-lead`: what it means to lead oneself, read first, and then two answers of one size. Giving it back is as near.
 */
import { post } from "../../shared/api.js";
import { html, View } from "../../shared/html.js";
import { openHalves, quietOf, timeOfDay, usedUp, wallTime } from "../../shared/limits.js";
import { avatar, chip, dayFence, errorSummary, fencePost, gateSwitch, ground, icon, nameClass } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { arrive, say } from "../../shared/say.js";
import { dated, listed, words } from "../../shared/words.js";
import { back, dock, top, waiting } from "../frame.js";
import { known, refresh } from "../known.js";
/** @typedef {import("../known.js").Person} Person */
/** @typedef {import("../../shared/limits.js").Limits} Limits */
/** @typedef {import("../../shared/protocol.js").Status} Status */

/** @param {number} ms */
const dayOf = (ms) => dated(new Date(ms).toISOString());

export class RfQuietTime extends View {
  /** @type {ReadonlyMap<string, Status>} */ presence = new Map();

  /** @param {Person} person */
  #post(person) {
    const shut = chip("rest", "moon", words("quiet.chip"));
    if (!person.own) {
      return html`<li data-key="${person.ref}"><div class="post shut ${ground(person.ground)}">${avatar(person.avatar)}<span class="plate"
        ><span class="${nameClass(person.name)}">${person.name}</span>${shut}</span></div></li>`;
    }
    const here = this.presence.get(person.ref) === "here";
    return html`<li data-key="${person.ref}">${fencePost({
      card: person, href: `#/call/${person.ref}`, before: words("home.call"), state: here ? chip("ok", "tick", words("home.here")) : chip("rest", "clock", words("home.away")),
    })}</li>`;
  }

  /** @override */
  draw() {
    const home = known.home;
    const limits = home?.limits;
    if (!home || !limits) return html`${top(words("home.loading"))}<main id="main">${waiting(words("home.loading"))}</main>${dock("home")}`;
    // one's own grown-ups first: they are who can be called
    const people = [...home.people].sort((a, b) => Number(b.own) - Number(a.own));
    const own = people.filter((person) => person.own).map((person) => person.name);
    return html`<header class="top quiet-top"><h1 tabindex="-1">${words("quiet.title")}</h1><rf-read></rf-read></header>
      <main id="main">${limits.opens_at === null ? null : html`<p class="opens">${words("quiet.lead", { time: timeOfDay(wallTime(limits.opens_at, limits.time_zone)) })}</p>`}
        <p class="lead">${own.length ? `${words("quiet.own", { names: listed(own) })} ` : ""}${words("quiet.help")}</p>
        ${people.length ? html`<h2 class="hidden-words">${words("quiet.people")}</h2><ul class="fence">${people.map((person) => this.#post(person))}</ul>` : null}
        <div class="truth"><p class="plate-line">${icon("moon")}<span>${words("times.quiet")}</span><a href="#/times">${words("home.times")}</a></p></div>
      </main>${dock("home")}`;
  }
}

export class RfMyTimes extends View {
  /** @type {"" | "saved" | "stuck"} */ #state = "";
  /** @type {{field: string, words: string}[]} */ #mistakes = [];

  constructor() {
    super();
    onPress(this, {
      unfair: () => void this.#do("/api/child/limits/object", { unfair: true }),
      fair: () => void this.#do("/api/child/limits/object", { unfair: false }),
      stage: (control) => void this.#do("/api/child/stage", { on: /** @type {HTMLInputElement} */ (control).checked }),
      save: () => void this.#save(),
    });
  }

  /** @param {string} path @param {unknown} body */
  async #do(path, body) {
    try {
      await post(path, body);
      this.#state = "saved";
      await refresh();
    } catch {
      this.#state = "stuck";
    }
    this.update();
    say(words(this.#state === "saved" ? "times.saved" : "home.stuck"));
  }

  async #save() {
    const value = (/** @type {string} */ id) => /** @type {HTMLInputElement | null} */ (this.querySelector(`#${id}`))?.value.trim() ?? "";
    const [from, until, minutes] = [value("from"), value("until"), value("minutes")];
    const quiet = from || until ? quietOf(from, until) : null;
    this.#mistakes = [];
    if ((from || until) && !quiet) this.#mistakes.push({ field: "from", words: words("times.wrong-quiet") });
    if (minutes && !(/^\d{1,4}$/.test(minutes) && Number(minutes) >= 1 && Number(minutes) <= 1440)) this.#mistakes.push({ field: "minutes", words: words("times.wrong-minutes") });
    if (this.#mistakes.length) {
      this.#state = "";
      this.update();
      /** @type {HTMLElement | null} */ (this.querySelector(".error-summary"))?.focus();
      return;
    }
    await this.#do("/api/child/limits", { quiet, minutes: minutes ? Number(minutes) : null });
  }

  /** @param {Limits} limits */
  #quiet(limits) {
    const { quiet } = limits;
    return html`<section class="panel can"><h2>${icon("moon")}${words("times.quiet")}</h2>
      ${dayFence(openHalves(quiet))}
      <p class="value">${quiet ? words("times.quiet-is", { from: timeOfDay(quiet.from), until: timeOfDay(quiet.until) }) : words("times.quiet-none")}</p>
      ${quiet ? html`<p>${words("times.posts")} ${words("times.open")}</p>` : null}</section>`;
  }

  /** @param {Limits} limits */
  #minutes(limits) {
    const { minutes, used_today: used } = limits;
    const posts = minutes === null ? 0 : Math.min(12, minutes);
    const gone = minutes === null ? 0 : Math.min(posts, Math.round((used / minutes) * posts));
    return html`<section class="panel can"><h2>${icon("clock")}${words("times.minutes")}</h2>
      ${posts ? html`<div class="minutes" aria-hidden="true">${Array.from({ length: posts }, (_, n) => (n < gone ? html`<i class="gone"></i>` : html`<i></i>`))}</div>` : null}
      <p class="value">${minutes === null ? words("times.minutes-none") : words("times.minutes-is", { n: minutes })}</p>
      <p>${words("times.used", { n: used })}${usedUp(limits) ? ` ${words("home.used-up")}` : ""}</p></section>`;
  }

  /** @param {Limits} limits @param {boolean} mine */
  #stage(limits, mine) {
    if (!limits.stage.allowed) return null;
    const { on } = limits.stage;
    return html`<section class="panel can"><h2>${icon("eye")}${words("times.stage")}</h2><p>${words("times.stage-what")}</p>
      ${mine ? gateSwitch({ id: "stage", label: words("times.stage"), on, words: { on: words("me.on"), off: words("me.off") }, deed: "stage" })
        : html`<p class="value">${words(on ? "times.stage-on" : "times.stage-off")}</p>`}</section>`;
  }

  /** @param {Limits} limits */
  #objection(limits) {
    if (limits.objected_at !== null) {
      return html`<section class="panel can" data-key="said"><p class="value">${words("times.said")}</p><button type="button" class="button" data-do="fair">${words("times.fair")}</button></section>`;
    }
    if (!limits.quiet && limits.minutes === null) return null;
    return html`<section class="panel can" data-key="unfair"><button type="button" class="button" data-do="unfair">${icon("hand")}<span>${words("times.unfair")}</span></button><p>${words("times.unfair-means")}</p></section>`;
  }

  /** @param {Limits} limits */
  #form(limits) {
    const wrong = (/** @type {string} */ id) => this.#mistakes.find((one) => one.field === id)?.words;
    const line = (/** @type {string} */ id) => (wrong(id) ? html`<p class="error-line" id="${id}-wrong">${icon("no")}<span>${wrong(id)}</span></p>` : null);
    return html`<section class="panel can" data-key="form"><h2>${icon("moon")}${words("times.quiet")}</h2>${dayFence(openHalves(limits.quiet))}
      ${line("from")}<div class="two-fields">
        <p class="field ${wrong("from") ? "wrong" : ""}"><label for="from">${words("times.from")}</label><input id="from" type="time" value="${limits.quiet?.from ?? ""}" aria-describedby="quiet-empty${wrong("from") ? " from-wrong" : ""}"></p>
        <p class="field ${wrong("from") ? "wrong" : ""}"><label for="until">${words("times.until")}</label><input id="until" type="time" value="${limits.quiet?.until ?? ""}" aria-describedby="quiet-empty"></p></div>
      <p class="second" id="quiet-empty">${words("times.posts")} ${words("times.empty")} ${words("times.open")}</p>
      <p class="field ${wrong("minutes") ? "wrong" : ""}"><label for="minutes">${words("times.a-day")}</label>${line("minutes")}<input id="minutes" inputmode="numeric" value="${limits.minutes ?? ""}" aria-describedby="minutes-empty"></p>
      <p class="second" id="minutes-empty">${words("times.a-day-empty")} ${words("times.used", { n: limits.used_today })}</p>
      <button type="button" class="button go tall" data-do="save">${words("times.save")}</button></section>`;
  }

  /** @override */
  draw() {
    const limits = known.home?.limits;
    if (!limits) return html`${top(words("times.title"))}<main id="main" class="column">${waiting(words("home.loading"))}</main>${dock("me")}`;
    const mine = limits.reach === "teen_led";
    const set = limits.quiet !== null || limits.minutes !== null;
    return html`${top(words("times.title"))}<main id="main" class="column">
      ${this.#mistakes.length ? errorSummary(words("enter.problem"), this.#mistakes) : null}
      ${this.#state ? html`<p class="panel" data-key="state">${words(this.#state === "saved" ? "times.saved" : "home.stuck")}</p>` : null}
      <p class="lead">${words(mine ? "times.lead-mine" : set ? "times.lead" : "times.lead-none")}</p>
      ${mine ? this.#form(limits) : html`${this.#quiet(limits)}${this.#minutes(limits)}${this.#objection(limits)}`}
      ${this.#stage(limits, mine)}
      ${limits.leads_since !== null ? html`<section class="panel can" data-key="leading"><p>${words("times.leading", { date: dayOf(limits.leads_since) })}</p><a class="button" href="#/lead">${words("times.give-back")}</a></section>`
        : limits.may_lead ? html`<section class="panel can" data-key="may-lead"><p>${words("times.lead-means")}</p><a class="button" href="#/lead">${words("times.lead-it")}</a></section>` : null}
      ${limits.set_at !== null && set && !mine ? html`<p class="second" data-key="set">${words("times.set", { date: dayOf(limits.set_at) })}</p>` : null}
      ${back("#/me")}</main>${dock("me")}`;
  }

  /** @override */
  update() {
    super.update();
    // a checkbox that a hand has touched no longer follows its attribute
    const stage = this.querySelector("#stage");
    if (stage instanceof HTMLInputElement) stage.checked = known.home?.limits?.stage.on ?? false;
  }
}

export class RfLead extends View {
  #stuck = false;

  constructor() {
    super();
    onPress(this, { yes: () => void this.#lead(true), back: () => void this.#lead(false) });
  }

  /** @param {boolean} lead */
  async #lead(lead) {
    try {
      await post("/api/child/lead", { lead, read: lead });
      await refresh();
      location.hash = "#/times";
    } catch {
      this.#stuck = true;
      this.update();
      arrive();
    }
  }

  /** @override */
  draw() {
    const limits = known.home?.limits;
    const trouble = this.#stuck ? html`<p class="panel" role="alert">${words("home.stuck")}</p>` : null;
    if (limits && limits.leads_since !== null) {
      return html`${top(words("lead.back-title"))}<main id="main" class="column">${trouble}<p class="lead">${words("lead.back-lead")}</p>
        <div class="answers"><button type="button" class="button" data-do="back" data-key="yes">${words("lead.back-yes")}</button><a class="button" href="#/times" data-key="no">${words("lead.no")}</a></div></main>${dock("me")}`;
    }
    if (!limits?.may_lead) return html`${top(words("times.title"))}<main id="main" class="column">${back("#/times")}</main>${dock("me")}`;
    return html`${top(words("lead.title"))}<main id="main" class="column">${trouble}<p class="lead">${words("lead.lead")}</p>
      <ol class="panel means">${[1, 2, 3, 4, 5].map((n) => html`<li><span>${words(`lead.${n}`)}</span></li>`)}</ol>
      <p class="panel">${words("lead.support")} ${words("lead.back-any-time")}</p>
      <div class="answers"><button type="button" class="button" data-do="yes" data-key="yes">${icon("tick")}<span>${words("lead.yes")}</span></button><a class="button" href="#/times" data-key="no">${icon("no")}<span>${words("lead.no")}</span></a></div>
      ${back("#/times")}</main>${dock("me")}`;
  }
}

customElements.define("rf-quiet-time", RfQuietTime);
customElements.define("rf-my-times", RfMyTimes);
customElements.define("rf-lead", RfLead);
