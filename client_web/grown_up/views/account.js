/** A child's account with the way out of it, what a grown-up can and cannot see, and the column of things worth knowing. */
import { post } from "../../shared/api.js";
import { askFirst } from "../../shared/dialog.js";
import { html } from "../../shared/html.js";
import { icon, peg } from "../../shared/parts.js";
import { words } from "../../shared/words.js";
import { look, renew } from "../known.js";
import { Page, radios, typed, waiting } from "../page.js";
import { countries, countryName, zoneName, zones } from "../places.js";
import { go, to } from "../route.js";
import { dateOf } from "../when.js";
import { whose } from "../whose.js";

/** @typedef {import("../facts.js").Child} Child */

const PROMISES = ["keep", "no_recording", "change_mind"];
/** @type {import("../facts.js").AgeGroup[]} */
const GROUPS = ["5-8", "9-12", "13-15", "16-17"];
/** Which sentences of "What you can and cannot see" are true, by how far the reader's word goes for this child. */
const SEES = {
  approve: { yes: [1, 2, 3, 4], no: [1, 2, 3, 4], can: [1, 2, 3, 4] },
  discuss: { yes: [1, 2, 3, 4], no: [1, 2, 3, 4], can: [1, 2, 3, 5] },
  teen_led: { yes: [1], no: [1, 2, 3, 4, 5], can: [6, 7] },
};

/** Said once when the account page opens after something was saved on a page of its own. */
let justSaid = "";

class Account extends Page {
  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return { withdraw: () => void this.#withdraw() };
  }

  /** @override */
  connectedCallback() {
    this.news = justSaid;
    justSaid = "";
    super.connectedCallback();
  }

  /** Age group, country and time zone, each with its page. @param {Child} child */
  #facts(child) {
    const household = look("family")?.household;
    /** @param {string} label @param {string} value @param {string} href */
    const row = (label, value, href) => html`<div data-key="${label}"><dt>${label}</dt><dd>${value}</dd><dd class="change"><a class="link" href="${href}">${words("child.change")}<span class="hidden-words"> ${label}</span></a></dd></div>`;
    return html`<dl class="facts check panel" data-key="facts">${row(words("child.check-age"), words(`age.${child.group}`), to("account", "age"))}
      ${household ? html`${row(words("place.country"), countryName(household.country), to("account", "place"))}${row(words("place.zone"), zoneName(household.time_zone), to("account", "place"))}` : null}</dl>`;
  }

  get step() {
    return this.parts[0] ?? "";
  }

  /** @override */
  firstField() {
    return this.step === "age" ? "age" : this.step === "place" ? "country" : super.firstField();
  }

  /** @override @param {import("../../shared/api.js").ApiFault} fault */
  explain(fault) {
    return this.step === "age" && fault.code === "conflict" ? words("age.younger", { name: whose()?.name ?? "" }) : super.explain(fault);
  }

  /** @override @param {HTMLFormElement} form */
  async send(form) {
    const child = whose();
    const filled = typed(form);
    if (this.step === "age" && child) {
      const group = GROUPS.find((one) => one === filled.age);
      if (!group) return this.complain([{ field: "age", words: words("problem.age") }]);
      await post(`/api/children/${encodeURIComponent(child.id)}/age-group`, { group });
      justSaid = words("age.saved", { name: child.name, age: words(`age.${group}`) });
    } else {
      await post("/api/household", { country: filled.country, time_zone: filled.zone });
      justSaid = words("place.saved");
    }
    await renew("family", "limits", "contacts");
    go("account");
  }

  /** @param {Child} child */
  #age(child) {
    return html`<a class="link back" href="${to("account")}" data-key="back">${words("back")}</a>${this.notes()}<h1 tabindex="-1">${words("age.title", { name: child.name })}</h1><p class="lead">${words("age.lead")}</p>
      <form class="form" novalidate>${radios({ id: "age", legend: words("child.check-age"), plain: true, chosen: child.group, wrong: this.wrong("age"), choices: GROUPS.map((value) => ({ value, words: words(`age.${value}`) })) })}
      <p class="next"><button class="button go">${words("age.save")}</button></p></form>`;
  }

  #place() {
    const household = look("family")?.household ?? { country: "", time_zone: "" };
    /** @param {string} id @param {string} label @param {string} help @param {import("../places.js").Choice[]} choices @param {string} chosen */
    const select = (id, label, help, choices, chosen) => html`<div class="field"><label for="${id}">${label}</label><p class="help-line" id="${id}-help">${help}</p><select id="${id}" name="${id}" aria-describedby="${id}-help">${choices.map((one) => html`<option value="${one.value}" ${one.value === chosen ? html`selected` : null}>${one.words}</option>`)}</select></div>`;
    return html`<a class="link back" href="${to("account")}" data-key="back">${words("back")}</a>${this.notes()}<h1 tabindex="-1">${words("place.title")}</h1><p class="lead">${words("place.lead")}</p>
      <form class="form" novalidate>${select("country", words("place.country"), words("place.country-help"), countries(), household.country)}${select("zone", words("place.zone"), words("place.zone-help"), zones(household.time_zone), household.time_zone)}
      <p class="next"><button class="button go">${words("place.save")}</button></p></form>`;
  }

  async #withdraw() {
    const child = whose();
    if (!child) return;
    const fill = { name: child.name };
    if (!await askFirst({ title: words("account.q", fill), text: words("account.change-lead", fill), yes: words("account.yes"), no: words("account.no") })) return;
    await this.attempt(async () => {
      await post(`/api/children/${encodeURIComponent(child.id)}/consent/withdraw`);
      await renew("family", "devices", "contacts", "live");
      this.done(words("account.done", fill));
    });
  }

  /** @override */
  draw() {
    const child = whose();
    if (!child) return html`<h1 tabindex="-1">${words("loading")}</h1>${waiting()}`;
    const fill = { name: child.name };
    if (this.step === "age") return this.#age(child);
    if (this.step === "place") return this.#place();
    return html`${this.notes()}<h1 tabindex="-1">${words("account.title", fill)}</h1><p class="lead">${words("account.lead", { date: dateOf(child.consent.given_on) })}</p>
      ${this.#facts(child)}<ol class="promises panel">${PROMISES.map((one) => html`<li><span>${words(`consent.${one}`)}</span></li>`)}</ol>
      ${child.consent.withdrawn ? html`<p class="panel still" data-key="still">${icon("wait")} ${words("account.still")}</p>`
        : html`<section class="panel change-mind" data-key="change"><h2>${words("account.change")}</h2><p>${words("account.change-lead", fill)}</p><p><button class="button" type="button" data-do="withdraw">${words("account.withdraw")}</button></p></section>`}
      <p data-key="promises"><a class="link" href="/promises/#parent">${words("account.promises")}</a></p>`;
  }
}

class Sees extends Page {
  /** @override */
  draw() {
    const child = whose();
    const fill = { name: child?.name ?? "" };
    const lines = SEES[child?.reach ?? "approve"];
    /** @param {"yes" | "no" | "can"} kind @param {import("../../shared/parts.js").IconName} sign */
    const part = (kind, sign) => html`<section class="panel sees"><h2>${icon(sign)}<span>${words(`sees.${kind}`)}</span></h2><ul>${lines[kind].map((n) => html`<li>${words(`sees.${kind}-${n}`, fill)}</li>`)}</ul></section>`;
    return html`<h1 tabindex="-1">${words("sees.title")}</h1>${child ? html`${part("yes", "eye")}${part("no", "eye-off")}${part("can", "hand")}<p>${words("sees.record")}</p><p>${words("sees.gate")}</p><p class="second">${words("sees.mark")}</p>` : waiting()}`;
  }
}

/** The third column on wide screens, below the page on narrow ones. @param {boolean} guardian @param {Child | undefined} child @param {boolean} withPeople */
export function worthKnowing(guardian, child, withPeople) {
  const people = child ? look("contacts", child.id)?.filter((one) => one.state === "approved") : undefined;
  const fill = { name: child?.name ?? "" };
  return html`${guardian && child && withPeople ? html`<section data-key="people"><h2>${words("aside.people", fill)}</h2>
      ${people && people.length > 0 ? html`<ul class="little-fence">${people.slice(0, 6).map((one) => html`<li data-key="${one.ref}">${peg(one, "small")}<span>${one.name}</span></li>`)}</ul>` : people ? html`<p>${words("aside.people-none")}</p>` : null}
      <p><a class="link" href="${to("contacts")}">${words("aside.people-more")}</a></p></section>` : null}
    <section data-key="worth"><h2>${words("aside.worth")}</h2>${guardian && child ? html`<p>${words("aside.worth-1", fill)}</p><p>${words("aside.worth-2", fill)}</p><p><a class="link" href="${to("sees")}">${words("aside.more")}</a></p>` : html`<p>${words("aside.worth-adult")}</p><p>${words("sees.record")}</p>`}</section>`;
}

customElements.define("rf-account", Account);
customElements.define("rf-sees", Sees);
