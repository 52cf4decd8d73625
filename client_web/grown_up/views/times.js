/**
 * When one child can call (design 3.20): the day as a fence, quiet hours as two plain time fields, minutes a day, and what is suggested for
 * the age, with a button to take it: nothing is filled in for the reader. What the child thinks of it stands first. A teenager who leads sets
 * these themselves, and then this page says so and no more.
 */
import { post } from "../../shared/api.js";
import { html } from "../../shared/html.js";
import { openHalves, quietOf, timeOfDay } from "../../shared/limits.js";
import { dayFence, gateSwitch, icon } from "../../shared/parts.js";
import { words } from "../../shared/words.js";
import { faultOf, look, renew } from "../known.js";
import { mistakeLine, Page, stuck, typed, waiting } from "../page.js";
import { to } from "../route.js";
import { dateOf } from "../when.js";
import { whose } from "../whose.js";

/** @typedef {import("../facts.js").Child} Child */
/** @typedef {import("../../shared/limits.js").Limits} Limits */

const MOST_MINUTES = 1440;

class Times extends Page {
  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return {
      "take-quiet": () => this.#take(["from", this.limits?.suggested.quiet?.from ?? ""], ["until", this.limits?.suggested.quiet?.until ?? ""]),
      "take-minutes": () => this.#take(["minutes", String(this.limits?.suggested.minutes ?? "")]),
      stage: (control) => void this.#stage(/** @type {HTMLInputElement} */ (control).checked),
      again: () => void renew("limits"),
    };
  }

  get limits() {
    const child = whose();
    return child ? look("limits", child.id) : undefined;
  }

  /** Put the suggestion into the fields. Saving it is a press of its own. @param {...[string, string]} values */
  #take(...values) {
    for (const [id, value] of values) {
      const field = this.querySelector(`#${id}`);
      if (field instanceof HTMLInputElement) field.value = value;
    }
    /** @type {HTMLElement | null} */ (this.querySelector(`#${values[0]?.[0]}`))?.focus();
  }

  /** @override */
  firstField() {
    return "from";
  }

  /** @override @param {HTMLFormElement} form */
  async send(form) {
    const child = whose();
    if (!child) return;
    const { from = "", until = "", minutes = "" } = typed(form);
    const quiet = quietOf(from, until);
    const mistakes = [];
    if ((from || until) && !quiet) mistakes.push({ field: "from", words: words("times.wrong-quiet") });
    if (minutes && !(/^\d{1,4}$/.test(minutes) && Number(minutes) >= 1 && Number(minutes) <= MOST_MINUTES)) mistakes.push({ field: "minutes", words: words("times.wrong-minutes") });
    if (mistakes.length > 0) return this.complain(mistakes);
    await post(`/api/children/${encodeURIComponent(child.id)}/limits`, { quiet, minutes: minutes ? Number(minutes) : null });
    await renew("limits", "family");
    this.done(words("times.saved", { name: child.name }));
  }

  /** @param {boolean} on */
  async #stage(on) {
    const child = whose();
    if (!child) return;
    await this.attempt(async () => {
      await post(`/api/children/${encodeURIComponent(child.id)}/stage`, { on });
      await renew("limits");
      this.done(words(on ? "times.stage-on" : "times.stage-off", { name: child.name }));
    });
    await renew("limits");
  }

  /** @override */
  update() {
    super.update();
    const gate = this.querySelector("#stage");
    if (gate instanceof HTMLInputElement && !this.busy) gate.checked = this.limits?.stage.on ?? false;
  }

  /** @param {Limits} limits @param {Child} child */
  #form(limits, child) {
    const { quiet, minutes, suggested } = limits;
    const age = words(`age.${child.group}`);
    const about = (/** @type {string} */ id) => `${id}-help${this.wrong(id) ? ` ${id}-wrong` : ""}`;
    return html`<form class="form" novalidate data-key="form">
      <section class="panel limit" data-key="quiet"><h2>${words("times.quiet")}</h2>${dayFence(openHalves(quiet))}
        <p class="value">${quiet ? words("times.quiet-is", { from: timeOfDay(quiet.from), until: timeOfDay(quiet.until) }) : words("times.quiet-none")}</p>
        ${mistakeLine("from", this.wrong("from"))}<div class="two-fields">
          <div class="field ${this.wrong("from") ? "wrong" : ""}"><label for="from">${words("times.from")}</label><input data-key="from" id="from" name="from" type="time" value="${quiet?.from ?? ""}" aria-describedby="${about("from")}" ${this.wrong("from") ? html`aria-invalid="true"` : null}></div>
          <div class="field ${this.wrong("from") ? "wrong" : ""}"><label for="until">${words("times.until")}</label><input data-key="until" id="until" name="until" type="time" value="${quiet?.until ?? ""}" aria-describedby="from-help"></div></div>
        <p class="second" id="from-help">${words("times.quiet-help")}</p>
        ${suggested.quiet ? html`<p class="suggest" data-key="suggest"><span>${words("times.suggest-quiet", { age, from: timeOfDay(suggested.quiet.from), until: timeOfDay(suggested.quiet.until) })}</span><button class="button" type="button" data-do="take-quiet">${words("times.take")}<span class="hidden-words">: ${words("times.quiet")}</span></button></p>` : null}</section>
      <section class="panel limit" data-key="minutes"><h2>${words("times.minutes")}</h2>
        <p class="value">${minutes === null ? words("times.minutes-none") : words("times.minutes-is", { n: minutes })} <span class="used">${words("times.used", { n: limits.used_today })}</span></p>
        <div class="field short ${this.wrong("minutes") ? "wrong" : ""}"><label for="minutes">${words("times.a-day")}</label>${mistakeLine("minutes", this.wrong("minutes"))}<input data-key="minutes" id="minutes" name="minutes" inputmode="numeric" autocomplete="off" value="${minutes ?? ""}" aria-describedby="${about("minutes")}" ${this.wrong("minutes") ? html`aria-invalid="true"` : null}></div>
        <p class="second" id="minutes-help">${words("times.minutes-help")}</p>
        ${suggested.minutes ? html`<p class="suggest" data-key="suggest"><span>${words("times.suggest-minutes", { age, n: suggested.minutes })}</span><button class="button" type="button" data-do="take-minutes">${words("times.take")}<span class="hidden-words">: ${words("times.minutes")}</span></button></p>` : null}</section>
      <p class="next"><button class="button go">${words("times.save")}</button></p></form>`;
  }

  /** @param {Limits} limits @param {Child} child */
  #switch(limits, child) {
    return html`<section class="panel limit" data-key="stage"><h2>${words("times.stage")}</h2><p class="second">${words("times.stage-help", { name: child.name })}${limits.stage.allowed ? ` ${words("times.stage-yours")}` : ""}</p>
      ${limits.stage.allowed ? gateSwitch({ id: "stage", label: words("times.stage-for", { name: child.name }), on: limits.stage.on, words: { on: words("contacts.on"), off: words("contacts.off") }, deed: "stage" })
        : html`<p>${words("times.stage-never")}</p>`}</section>`;
  }

  /** @override */
  draw() {
    const child = whose();
    if (!child) return html`<h1 tabindex="-1">${words("nav.times")}</h1>${look("family") ? html`<p class="lead">${words("times.no-child")}</p><p><a class="button go" href="${to("child")}">${words("child.title")}</a></p>` : waiting()}`;
    const fill = { name: child.name };
    const heading = html`${this.notes()}<h1 tabindex="-1">${words("times.title", fill)}</h1>`;
    if (child.reach === "teen_led") return html`${heading}<div class="panel" data-key="led">${teenLed(child)}</div>`;
    const limits = look("limits", child.id);
    const fault = faultOf("limits", child.id);
    if (!limits) return html`${heading}${fault ? stuck(fault) : waiting()}`;
    return html`${heading}
      ${limits.objected_at === null ? null : html`<p class="plate-line wait unfair" data-key="unfair">${icon("hand")}<span>${words("times.unfair", fill)}</span></p>`}
      <p class="lead">${words("times.lead", fill)}</p>${this.#form(limits, child)}${this.#switch(limits, child)}
      ${limits.set_at === null ? null : html`<p class="second below" data-key="set">${words("times.set", { ...fill, date: dateOf(new Date(limits.set_at).toISOString()) })}</p>`}`;
  }
}

/** What is left to a guardian of a teenager who leads: said wherever something is not theirs any more. @param {Child} child */
export const teenLed = (child) => html`<p class="value">${words("led.title", { name: child.name })}</p><p>${words("led.lead", { name: child.name })}</p>`;

customElements.define("rf-times", Times);
