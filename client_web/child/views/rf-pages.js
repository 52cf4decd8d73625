/** Short pages: `rf-who-sees-what` (only sentences that are true today), `rf-not-here` (what busy and away mean), `rf-quiet-field` (nothing to see). */
import { html, View } from "../../shared/html.js";
import { avatar, ground, icon } from "../../shared/parts.js";
import { listed, words } from "../../shared/words.js";
import { dock, helpOnly, top } from "../frame.js";
import { known, personOf } from "../known.js";

export class RfWhoSeesWhat extends View {
  /** @override */
  draw() {
    const names = known.home?.grown_ups.map((each) => each.name) ?? [];
    const led = known.home?.limits?.reach === "teen_led"; // then less is theirs to see and to do
    return html`${top(words("sees.title"))}<main id="main" class="column">
      <p class="lead">${words("sees.you")}</p>
      <section class="panel can"><h2>${icon("eye")}${words("sees.yes-title")}</h2><p>${words(led ? "sees.yes-led" : "sees.yes")}</p></section>
      <section class="panel can"><h2>${icon("eye-off")}${words("sees.no-title")}</h2><p>${words(led ? "sees.no-led" : "sees.no")}</p></section>
      <section class="panel can"><h2>${icon("hand")}${words("sees.can-title")}</h2><p>${led ? words("sees.can-led") : `${words("sees.can")} ${words("sees.told")}`}</p></section>
      ${names.length ? html`<p>${words("sees.grown-ups", { names: listed(names) })}</p>` : null}
      <p>${words("sees.record")}</p>
      <p>${words("sees.gate")}</p>
      <p class="second">${words("sees.mark")}</p>
      <a class="link" href="/promises/#child" target="_blank" rel="noopener">${words("sees.promises")}</a>
    </main>${dock("sees")}`;
  }
}

export class RfNotHere extends View {
  ref = "";
  /** @type {"busy" | "away" | "off"} */ status = "away";

  /** @override */
  draw() {
    const person = personOf(this.ref);
    const name = person?.name ?? words("someone");
    return html`<main id="main" class="middle">
      <div class="rails"><div class="post big ${ground(person?.ground ?? 0)}" aria-hidden="true">${avatar(person?.avatar ?? -1)}</div></div>
      <h1 tabindex="-1">${words(`away.${this.status}-title`, { name })}</h1><rf-read class="corner"></rf-read><p class="lead">${words(`away.${this.status}`)}</p>
      <div class="answers"><a class="button" href="#/">${words("away.ok")}</a></div>
      ${person ? html`<a class="link" href="#/block/${person.ref}">${words("block.link", { name })}</a>
        <a class="link" href="#/recorded/${person.ref}">${words("recorded.link")}</a>` : null}</main>${dock("")}`;
  }
}

export class RfQuietField extends View {
  /** @override */
  draw() {
    return html`<main id="main" class="middle quiet-field"><h1 tabindex="-1">${words("field.title")}</h1><p>${words("field.lead")}</p>
      <a class="link" href="#/">${words("field.back")}</a></main>${helpOnly()}`;
  }
}

customElements.define("rf-who-sees-what", RfWhoSeesWhat);
customElements.define("rf-not-here", RfNotHere);
customElements.define("rf-quiet-field", RfQuietField);
