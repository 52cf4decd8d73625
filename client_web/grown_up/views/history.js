/** Calls of the last 30 days: who, when, how long. Plain rows, newest first: no sums, no comparing (design 3.22). */
import { html } from "../../shared/html.js";
import { listed, words } from "../../shared/words.js";
import { faultOf, look, renew } from "../known.js";
import { Page, stuck, waiting } from "../page.js";
import { begun, dayOf, timeOf } from "../when.js";
import { whose } from "../whose.js";
import { teenLed } from "./times.js";

/** @typedef {import("../facts.js").PastCall} PastCall */

/** Calls by day, in the order in which they come. @param {PastCall[]} calls @returns {[string, PastCall[]][]} */
function byDay(calls) {
  /** @type {Map<string, PastCall[]>} */
  const days = new Map();
  for (const call of calls) {
    const day = dayOf(call.started_at);
    days.set(day, [...(days.get(day) ?? []), call]);
  }
  return [...days];
}

class History extends Page {
  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return { again: () => void renew("history") };
  }

  /** @override */
  draw() {
    const child = whose();
    if (!child) return html`<h1 tabindex="-1">${words("history.title")}</h1>${look("family") ? html`<p class="lead">${words("history.empty")}</p>` : waiting()}`;
    if (child.reach === "teen_led") return html`<h1 tabindex="-1">${words("history.title")}</h1><div class="panel">${teenLed(child)}</div>`;
    const calls = look("history", child.id);
    const fault = faultOf("history", child.id);
    return html`<h1 tabindex="-1">${words("history.title")}</h1><p class="lead">${words("history.of", { name: child.name })}</p>
      ${!calls ? (fault ? stuck(fault) : waiting()) : calls.length === 0
        ? html`<div class="panel empty" data-key="none"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span><p>${words("history.empty")}</p></div>`
        : byDay(calls).map(([day, some]) => html`<h2 class="part" data-key="day-${day}">${begun(day)}</h2><ul class="calls panel" data-key="calls-${day}">${some.map((call) => html`<li><b>${listed(call.with)}</b><span>${timeOf(call.started_at)}</span><span>${call.minutes < 1 ? words("history.short") : words("history.minutes", { n: call.minutes })}</span></li>`)}</ul>`)}
      <p class="second below" data-key="note">${words("history.note")}</p>`;
  }
}

customElements.define("rf-history", History);
