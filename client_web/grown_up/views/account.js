/** A child's account with the way out of it, what a grown-up can and cannot see, and the column of things worth knowing. */
import { post } from "../../shared/api.js";
import { askFirst } from "../../shared/dialog.js";
import { html } from "../../shared/html.js";
import { icon, peg } from "../../shared/parts.js";
import { words } from "../../shared/words.js";
import { look, renew } from "../known.js";
import { Page, waiting } from "../page.js";
import { to } from "../route.js";
import { dateOf } from "../when.js";
import { whose } from "../whose.js";

/** @typedef {import("../facts.js").Child} Child */

const PROMISES = ["keep", "no_recording", "change_mind"];

class Account extends Page {
  /** @override @returns {import("../page.js").Deeds} */
  deeds() {
    return { withdraw: () => void this.#withdraw() };
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
    return html`${this.notes()}<h1 tabindex="-1">${words("account.title", fill)}</h1><p class="lead">${words("account.lead", { date: dateOf(child.consent.given_on) })}</p>
      <ol class="promises panel">${PROMISES.map((one) => html`<li><span>${words(`consent.${one}`)}</span></li>`)}</ol>
      ${child.consent.withdrawn ? html`<p class="panel still" data-key="still">${icon("wait")} ${words("account.still")}</p>`
        : html`<section class="panel change-mind" data-key="change"><h2>${words("account.change")}</h2><p>${words("account.change-lead", fill)}</p><p><button class="button" type="button" data-do="withdraw">${words("account.withdraw")}</button></p></section>`}`;
  }
}

class Sees extends Page {
  /** @override */
  draw() {
    const child = whose();
    const fill = { name: child?.name ?? "" };
    /** @param {string} kind @param {import("../../shared/parts.js").IconName} sign */
    const part = (kind, sign) => html`<section class="panel sees"><h2>${icon(sign)}<span>${words(`sees.${kind}`)}</span></h2><ul>${[1, 2, 3].map((n) => html`<li>${words(`sees.${kind}-${n}`, fill)}</li>`)}</ul></section>`;
    return html`<h1 tabindex="-1">${words("sees.title")}</h1>${child ? html`${part("yes", "eye")}${part("no", "eye-off")}${part("can", "hand")}<p class="second">${words("sees.record")}</p>` : waiting()}`;
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
