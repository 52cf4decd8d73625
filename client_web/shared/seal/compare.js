/**
 * Two grown-ups compare five pictures: one side of it, from the first word to the pictures. Pure, as `agree.js`, on which it rests.
 *
 *     first  → second   commit(first's key, random)
 *     second → first    second's key, random            only to a commitment that has come
 *     first  → second   first's key, random             only to a reveal that has come; it must open the commitment
 *     both              five pictures, of all four, the first one's key and random first
 *
 * The server only carries this and may be anybody. So each step takes what came before it, holds on to the first that came, and
 * throws `NotHeld` at anything else. A random number is good for one time, and leaves this object in its turn only.
 */

import { chance, commit, b64, NotHeld, open, pictures, unb64 } from "./agree.js";

/** What each side reveals. @typedef {{key: string, random: string}} Reveal */

/** So often a day, with one contact: who sits between has one chance in 2^30 each time, and five a day stay none. */
export const TRIES = 5;
const DAY_MS = 24 * 3_600_000;

/**
 * The tries of the last day, with one more now; null when there is none left. Kept by this device as well as by the server: the server
 * is whom this is about.
 * @param {number[]} tries @param {number} now @returns {number[] | null}
 */
export function oneMoreTry(tries, now) {
  const today = tries.filter((at) => at > now - DAY_MS && at <= now);
  return today.length < TRIES ? [...today, now] : null;
}

export class Comparison {
  #mine;
  #first;
  #commitment;
  /** @type {Reveal | null} */ #theirs = null;
  /** @type {number[] | null} */ #pictures = null;

  /** @param {Reveal} mine @param {boolean} first @param {string} commitment */
  constructor(mine, first, commitment) {
    this.#mine = mine;
    this.#first = first;
    this.#commitment = commitment;
  }

  /** I begin: what travels now is `commitment`. @param {string} key mine, public */
  static async begin(key) {
    const mine = { key, random: b64(chance(32)) };
    return new Comparison(mine, true, await commit(mine.key, mine.random));
  }

  /** I answer to a commitment that has come: what travels now is `reveal`. @param {string} key mine, public @param {string} commitment */
  static async answer(key, commitment) {
    unb64(key, 32);
    unb64(commitment, 32);
    return new Comparison({ key, random: b64(chance(32)) }, false, commitment);
  }

  get first() {
    return this.#first;
  }

  get commitment() {
    return this.#commitment;
  }

  /** My key and random number. Who began says them only after the other has. @returns {Reveal} */
  get reveal() {
    if (this.#first && !this.#theirs) throw new NotHeld("commitment");
    return { ...this.#mine };
  }

  /** What the other side revealed has come. Said again it changes nothing; another one is refused. @param {Reveal} theirs @returns {Promise<void>} */
  async hear({ key, random }) {
    if (this.#theirs) {
      if (this.#theirs.key !== key || this.#theirs.random !== random) throw new NotHeld("commitment");
      return;
    }
    unb64(key, 32);
    unb64(random, 32);
    if (key === this.#mine.key || random === this.#mine.random) throw new NotHeld("mine"); // what I said, sent back to me
    const [a, b] = this.#first ? [this.#mine, { key, random }] : [{ key, random }, this.#mine];
    if (!this.#first) await open(this.#commitment, key, random);
    const shown = await pictures(a.key, a.random, b.key, b.random);
    if (this.#theirs) return this.hear({ key, random }); // it came twice at once
    this.#theirs = { key, random };
    this.#pictures = shown;
  }

  /** The key that these pictures speak of. */
  get theirKey() {
    return this.#theirs?.key ?? null;
  }

  /** Five numbers below 64; null before everything has come. */
  get pictures() {
    return this.#pictures;
  }
}
