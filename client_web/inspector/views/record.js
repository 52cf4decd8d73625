/** The record: signed checkpoints over every family's chain, and a check of them in this browser, with the browser's own cryptography. */
import { html } from "../../shared/html.js";
import { icon } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { look } from "../known.js";
import { momentOf, nothing, number, Page, pageOf } from "../page.js";

/** @typedef {import("../facts.js").Checkpoint} Checkpoint */

class RecordPage extends Page {
  constructor() {
    super();
    onPress(this, { check: () => void this.#check() });
  }

  async #check() {
    say(words("record.checking"));
    void look("record");
  }

  /** @override */
  draw() {
    return pageOf("record", "record", ({ checkpoints, chains, rows, whole, why }) => html`<section class="panel outcome ${whole ? "proven" : "broken"}"><p class="verdict">${icon(whole ? "tick" : "no")}<span>${words(whole ? "record.whole" : "record.broken")}</span></p>
        <p>${words("record.covers", { chains: number(chains), rows: number(rows) })}</p>${whole ? null : html`<p>${why}</p>`}
        <p class="buttons"><button class="button go" type="button" data-do="check">${words("record.check")}</button></p></section>
      <h2 class="part">${words("record.checkpoints")}</h2>${checkpoints.length === 0 ? nothing(words("record.none")) : html`<ol class="checkpoints">${checkpoints.map((one) => html`<li class="panel" data-key="${one.size}"><p><b>${momentOf(one.at)}</b> <span class="second">${words("record.size", { n: number(one.size) })}</span></p><p class="hash">${one.root}</p></li>`)}</ol>`}`);
  }
}

customElements.define("rf-record", RecordPage);
