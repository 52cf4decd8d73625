/**
 * The record: signed checkpoints over every family's chain. What the server says of it is shown first; then this browser checks the
 * signatures itself, with its own cryptography (shared/record.js), and holds them against what it kept when it looked the last time.
 */
import { html } from "../../shared/html.js";
import { icon } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { checkNotes } from "../../shared/record.js";
import { say } from "../../shared/say.js";
import { words } from "../../shared/words.js";
import { look } from "../known.js";
import { momentOf, nothing, number, Page, pageOf, waiting } from "../page.js";

/** @typedef {import("../../shared/record.js").What} What */
/** @typedef {import("../facts.js").Facts["record"]} Shown */

/** What this browser keeps: the first key that it was told and the newest checkpoint that it found whole. Both are public. */
const KEPT = "ringfence.inspector.record";

/** @returns {{key: string, note: string} | null} */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? "null");
    return found && typeof found.key === "string" && typeof found.note === "string" ? found : null;
  } catch {
    return null;
  }
}

/**
 * What is wrong with these checkpoints, as this browser sees it.
 * @param {Shown} shown @param {{key: string, note: string} | null} before @returns {Promise<What[]>}
 */
export async function wrongWith({ keys, checkpoints }, before) {
  const lines = keys.map((one) => one.key);
  const checked = await checkNotes(lines, checkpoints.map((one) => one.note));
  /** @type {What[]} */
  const wrong = checked.found.map((one) => one.what);
  checked.checkpoints.forEach((said, n) => {
    const told = checkpoints[n];
    if (said && (said.root !== told?.root || said.size !== told.size || said.at !== told.at)) wrong.push("altered");
  });
  if (before) {
    if (!lines.includes(before.key)) wrong.push("wrong_key");
    const newest = checkpoints[0]?.note;
    if (!newest) wrong.push("missing");
    else if (newest !== before.note) wrong.push(...(await checkNotes(lines, [newest, before.note])).found.map((one) => one.what));
  }
  return [...new Set(wrong)];
}

class RecordPage extends Page {
  /** @type {{wrong: What[], count: number, first: boolean} | "cannot" | null} */ #found = null;
  #checking = false;

  constructor() {
    super();
    onPress(this, { check: () => void this.#check() });
  }

  async #check() {
    const shown = look("record");
    if (!shown || this.#checking) return;
    this.#checking = true;
    this.#found = null;
    this.update();
    const before = kept();
    if (await canCheck()) {
      const wrong = await wrongWith(shown, before);
      this.#found = { wrong, count: shown.checkpoints.length, first: !before };
      const [key, note] = [before?.key ?? shown.keys[0]?.key, shown.checkpoints[0]?.note];
      if (wrong.length === 0 && key && note) localStorage.setItem(KEPT, JSON.stringify({ key, note }));
    } else this.#found = "cannot";
    this.#checking = false;
    this.update();
    say(this.querySelector(".checked")?.textContent?.trim() ?? "");
  }

  #result() {
    const found = this.#found;
    if (this.#checking) return waiting(words("record.checking"));
    if (!found) return null;
    if (found === "cannot") return html`<p class="checked" data-key="checked">${icon("wait")}<span>${words("record.no-crypto")}</span></p>`;
    if (found.wrong.length > 0) return html`<div class="checked broken-line" data-key="checked">${icon("no")}<div><p>${words("record.not-checked")}</p><ul>${found.wrong.map((what) => html`<li>${words(`record.what-${what}`)}</li>`)}</ul></div></div>`;
    return html`<p class="checked" data-key="checked">${icon("tick")}<span>${words("record.checked", { n: found.count })} ${words(found.first ? "record.kept-first" : "record.kept-same")}</span></p>`;
  }

  /** @override */
  draw() {
    return pageOf("record", "record", ({ checkpoints, keys, chains, rows, covered, whole, why }) => html`<section class="panel outcome ${whole ? "proven" : "broken"}"><p class="verdict">${icon(whole ? "tick" : "no")}<span>${words(whole ? "record.whole" : "record.broken")}</span></p>
        <p>${words("record.covers", { chains: number(chains), rows: number(rows), covered: number(covered) })}</p>${whole ? null : html`<p class="broken-line">${why}</p>`}
        ${checkpoints.length === 0 ? null : html`<p class="buttons" data-key="check"><button class="button go" type="button" data-do="check">${words(this.#found ? "record.again" : "record.check")}</button></p>${this.#result()}<p class="second below" data-key="limit">${words("record.limit")}</p>`}</section>
      <h2 class="part">${words("record.checkpoints")}</h2>${checkpoints.length === 0 ? nothing(words("record.none")) : html`<ol class="checkpoints">${checkpoints.map((one) => html`<li class="panel" data-key="${one.note}"><p><b>${momentOf(one.at)}</b> <span class="second">${words("record.size", { n: number(one.size) })}</span></p><p class="hash">${one.root}</p></li>`)}</ol>`}
      <h2 class="part">${words("record.keys")}</h2><ul class="checkpoints">${keys.map((one) => html`<li class="panel"><p class="hash">${one.key}</p><p class="second">${one.since === 0 ? words("record.since-start") : words("record.since", { date: momentOf(one.since) })}</p></li>`)}</ul>`);
  }
}

/** Older browsers do not know this kind of signature. */
async function canCheck() {
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32), { name: "Ed25519" }, false, ["verify"]);
    return true;
  } catch (fault) {
    return !(fault instanceof DOMException && fault.name === "NotSupportedError") && !(fault instanceof TypeError);
  }
}

customElements.define("rf-record", RecordPage);
