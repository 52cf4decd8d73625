/** The evidence pack: one archive with everything that a regulator can check without us. */
import { html } from "../../shared/html.js";
import { icon } from "../../shared/parts.js";
import { words } from "../../shared/words.js";
import { API } from "../known.js";
import { Page } from "../page.js";
import { to } from "../route.js";

const INSIDE = ["promises", "rulebook", "vectors", "report", "checkpoints", "sbom", "dpia", "age", "well-known"];

class Pack extends Page {
  /** @override */
  draw() {
    return html`<h1 tabindex="-1">${words("pack.title")}</h1><p class="lead">${words("pack.lead")}</p>
      <p class="buttons"><a class="button go" href="${API}/pack">${icon("inbox")}<span>${words("pack.get")}</span></a></p>
      <section class="panel"><h2>${words("pack.inside")}</h2><ul class="inside">${INSIDE.map((one) => html`<li><b>${words(`pack.${one}`)}</b><span class="second">${words(`pack.${one}-says`)}</span></li>`)}</ul></section>
      <p class="second after">${words("pack.note")} <a href="${to("record")}">${words("pack.record")}</a></p>`;
  }
}

customElements.define("rf-pack", Pack);
