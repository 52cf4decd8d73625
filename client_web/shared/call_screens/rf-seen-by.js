/**
 * `rf-seen-by`: who can see me and who can hear me, by name. The names are those that the server read from the gate's
 * forwarding table; this element adds only whether our own camera and microphone are open at all.
 */
import { html, View } from "../html.js";
import { listed, words } from "../words.js";

/**
 * The true sentence or two.
 * @param {{camera: boolean, microphone: boolean, seenBy: string[], heardBy: string[]}} now names, not refs
 * @returns {string[]}
 */
export function seenSentences({ camera, microphone, seenBy, heardBy }) {
  const some = (/** @type {string} */ kind, /** @type {string[]} */ names) =>
    names.length === 0 ? words(`seen.${kind}.nobody-yet`)
    : names.length === 1 ? words(`seen.${kind}.one`, { name: names[0] ?? "" })
    : words(`seen.${kind}.many`, { n: names.length, names: listed(names) });
  const sees = camera ? some("see", seenBy) : words("seen.see.shut");
  const hears = microphone ? some("hear", heardBy) : words("seen.hear.off");
  const same = camera && microphone && seenBy.length === 1 && heardBy.length === 1 && seenBy[0] === heardBy[0];
  return same ? [words("seen.both.one", { name: seenBy[0] ?? "" })] : [sees, hears];
}

export class RfSeenBy extends View {
  /** @type {Parameters<typeof seenSentences>[0]} */ #now = { camera: false, microphone: false, seenBy: [], heardBy: [] };

  /** @param {Parameters<typeof seenSentences>[0]} now */
  set now(now) {
    this.#now = now;
    this.update();
  }

  /** @override */
  draw() {
    const { seenBy, camera } = this.#now;
    const lines = seenSentences(this.#now);
    if (camera && seenBy.length > 1) {
      return html`<details class="seen-by"><summary>${lines[0]}</summary><p>${listed(seenBy)}</p><p>${lines[1]}</p></details>`;
    }
    return html`${lines.map((line) => html`<p>${line}</p>`)}`;
  }
}

customElements.define("rf-seen-by", RfSeenBy);
