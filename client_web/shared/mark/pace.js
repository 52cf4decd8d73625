/**
 * Does this device keep up? Told how long each picture took, it says every few seconds how long they take and whether that is too slow.
 *
 * Too slow is: half of the pictures take longer than `BUDGET_MS`, half the time between two of them at 30 a second, so that the rest of
 * the call has no room; or one in four takes longer than it has until the next comes, so that pictures are lost by our doing. And it is
 * only said when it was so twice running: a device that is busy for a moment is not slow, and what is said cannot be taken back.
 * Pictures that a camera does not give in the dark are not our doing and are not counted.
 */

/** @typedef {import("./types.js").Numbers} Numbers */

export const BUDGET_MS = 16;
export const WINDOW_MS = 4000;
/** Fewer in a window say nothing. */
const ENOUGH = 10;
const LOST_SHARE = 0.25;

/** @param {number[]} sorted @param {number} share */
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;

export class Pace {
  /** @type {number[]} */ #took = [];
  /** @type {number[]} seconds between timestamps */ #gaps = [];
  /** @type {number | null} */ #last = null;
  /** @type {number | null} */ #began = null;
  /** In the first second the patterns are made and the machine warms up; that is not how it goes on. */ #warm = false;
  /** The window before was too slow. */ #before = false;

  /**
   * One picture is done. @param {number} took milliseconds @param {number} seconds its timestamp @param {number} now milliseconds
   * @returns {Numbers | null} once in a window
   */
  done(took, seconds, now) {
    this.#began ??= now;
    if (!this.#warm) {
      if (now - this.#began < 1000) return null;
      this.again(now);
      this.#warm = true;
    }
    this.#took.push(took);
    if (this.#last !== null && seconds > this.#last) this.#gaps.push(seconds - this.#last);
    this.#last = seconds;
    if (now - /** @type {number} */ (this.#began) < WINDOW_MS || this.#took.length < ENOUGH) return null;
    const numbers = this.#numbers(now);
    this.again(now);
    return numbers;
  }

  /** Forget and begin a window. @param {number} now */
  again(now) {
    this.#began = now;
    this.#took = [];
    this.#gaps = [];
    this.#last = null;
  }

  /** @param {number} now @returns {Numbers} */
  #numbers(now) {
    const sorted = this.#took.toSorted((a, b) => a - b);
    const between = 1000 * quantile(this.#gaps.toSorted((a, b) => a - b), 0.5) || Infinity;
    const late = sorted.filter((took) => took > between).length;
    const p50 = quantile(sorted, 0.5);
    const tooSlow = p50 > BUDGET_MS || late > LOST_SHARE * sorted.length;
    const slow = tooSlow && this.#before;
    this.#before = tooSlow;
    return {
      p50,
      p99: quantile(sorted, 0.99),
      fps: (1000 * sorted.length) / (now - /** @type {number} */ (this.#began)),
      slow,
    };
  }
}
