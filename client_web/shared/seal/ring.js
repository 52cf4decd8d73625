/**
 * The identity of this browser, for what is said outside of calls: its public half, and its signature. The private half stays in the
 * seal worker and cannot be exported. Never touches the page.
 *
 *     const ring = new Ring(me.own);          // `own` of /api/me; the same handle as `me` of the wire's `welcome`
 *     await ring.id();                        // base64url, 43 characters
 *     await ring.sign(text);                  // over "ringfence statement\n" + text
 *     await ring.statement({ t: "…", … });    // {"m": text, "s": signature}, as it travels and is kept
 *     ring.close();
 *
 * `verifyStatement` of `roster.js` needs no secret, so it needs no worker.
 */

import { CannotSeal, workersAddress } from "./keeper.js";

/** @typedef {import("./types.js").Ask} Ask */
/** @typedef {import("./types.js").Said} Said */

const PATIENCE_MS = 10_000;

export class Ring {
  #me;
  /** @type {Worker | null} */ #worker = null;
  /** @type {Promise<Worker> | null} */ #awake = null;
  #asked = 0;
  /** @type {Map<number, {resolve: (is: string | string[]) => void, reject: (fault: Error) => void}>} */ #asking = new Map();

  /** @param {string} me whose identity at this browser: `own` of /api/me */
  constructor(me) {
    this.#me = me;
  }

  /** The public half of this browser's identity. It is made when it is first asked for. */
  id() {
    return /** @type {Promise<string>} */ (this.#ask({ do: "id" }));
  }

  /** @param {string} text at most 4096 characters */
  sign(text) {
    return /** @type {Promise<string>} */ (this.#ask({ do: "sign", text }));
  }

  /** Something said and signed, as it travels. @param {Record<string, unknown>} words */
  async statement(words) {
    const text = JSON.stringify(words);
    return JSON.stringify({ m: text, s: await this.sign(text) });
  }

  /** This device was paired just now: from here on it believes that grown-up's browser, and no earlier one. @param {string} key */
  async belongsTo(key) {
    await this.#ask({ do: "own", key });
  }

  /** The devices for which this browser signs. @param {string} whose a child's id; "" for one's own @returns {Promise<string[]>} */
  signed(whose) {
    return /** @type {Promise<string[]>} */ (this.#ask({ do: "signed", whose }));
  }

  /** @param {string} whose @param {string[]} keys */
  async setSigned(whose, keys) {
    await this.#ask({ do: "set-signed", whose, keys });
  }

  /** Safe to say twice. */
  close() {
    this.#fail("closed");
  }

  /** @param {Record<string, unknown>} what @returns {Promise<string | string[]>} */
  async #ask(what) {
    const worker = await (this.#awake ??= this.#wake());
    const n = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#asking.set(n, { resolve, reject });
      worker.postMessage(/** @type {Ask} */ ({ k: "ring", n, me: this.#me, ...what }));
    });
  }

  /** @returns {Promise<Worker>} */
  #wake() {
    if (typeof Worker === "undefined" || typeof indexedDB === "undefined") throw new CannotSeal("worker");
    const worker = (this.#worker = new Worker(workersAddress(), { type: "module", name: "ring" }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new CannotSeal("worker")), PATIENCE_MS);
      worker.onerror = () => {
        reject(new CannotSeal("worker"));
        this.#fail("worker");
      };
      worker.onmessage = ({ data }) => {
        const said = /** @type {Said} */ (data);
        if (said.k === "rung") return this.#hear(said);
        clearTimeout(timer);
        if (said.k === "awake") resolve(worker);
        else reject(new CannotSeal("curves"));
      };
    });
  }

  /** @param {{n: number, is?: string | string[], fault?: string}} said */
  #hear({ n, is, fault }) {
    const waiting = this.#asking.get(n);
    this.#asking.delete(n);
    if (is !== undefined) waiting?.resolve(is);
    else waiting?.reject(new CannotSeal(fault ?? "fault"));
  }

  /** @param {string} why */
  #fail(why) {
    this.#worker?.terminate();
    this.#worker = this.#awake = null;
    for (const { reject } of this.#asking.values()) reject(new CannotSeal(why));
    this.#asking.clear();
  }
}
