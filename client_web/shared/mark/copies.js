/**
 * Each person's own copy of our camera's picture. Told who is in the call, with which mark, and which camera is open, it says for each
 * person which track their picture is to be sent from. Never touches the page or a connection.
 *
 * - Nobody gets a picture before they are here, and nobody gets the camera as it is while their copy is being made: until it is, nothing.
 * - Where a copy cannot be marked, or no longer, the call goes on with the camera as it is, and `onmarked` says so and why. After that
 *   it stays so until the camera is opened anew: a picture that comes and goes would be worse than a plain one that is known as such.
 * - `onmarked` without a reason is said after the marked track was handed over, never before.
 */

/** @typedef {import("../protocol.js").Leg} Leg */
/** @typedef {import("../protocol.js").Mark} Mark */
/** @typedef {import("./types.js").Why} Why */
/** @typedef {"too_slow" | "cannot" | "broken"} Unmarked what the server is told */
/** @typedef {{dress(track: MediaStreamTrack, whose: import("./types.js").Whose): Promise<MediaStreamTrack>, undress(ref: string): void,
 *   stop(): void, onunmarked: (ref: string, why: Why) => void}} Dresser */

/** @type {Partial<Record<Why, Unmarked>>} */
const TOLD = { none: "cannot", canvas: "cannot", key: "cannot", id: "cannot", slow: "too_slow", frame: "broken", worker: "broken" };

export class Copies {
  /** Send their picture from this track; null: send none. @type {(ref: string, track: MediaStreamTrack | null) => void} */ ontrack = () => {};
  /** Their copy is marked (null) or is not, and why. @type {(ref: string, why: Unmarked | null) => void} */ onmarked = () => {};

  #marks;
  /** @type {MediaStreamTrack | null} */ #camera = null;
  /** Who is here. @type {Map<string, Mark | null>} */ #people = new Map();
  /** What each one's copy was begun from. @type {Map<string, {camera: MediaStreamTrack, id: string}>} */ #made = new Map();

  /** @param {Dresser | null} marks null where the server gave no key: nothing can be marked */
  constructor(marks) {
    this.#marks = marks;
    if (marks) marks.onunmarked = (ref, why) => this.#plain(ref, why);
  }

  /** Everybody else's place in the call now. @param {Leg[]} legs */
  people(legs) {
    this.#people = new Map(legs.filter(({ state }) => state === "connecting" || state === "connected" || state === "lost").map(({ ref, mark }) => [ref, mark ?? null]));
    this.#update();
  }

  /** Our own camera, or none: whoever got a picture of it gets it no more. @param {MediaStreamTrack | null} track */
  camera(track) {
    this.#camera = track;
    this.#update();
  }

  /** Over. Safe to say twice. */
  stop() {
    this.camera(null);
    this.#marks?.stop();
  }

  #update() {
    for (const [ref, { camera, id }] of [...this.#made]) {
      if (camera === this.#camera && this.#people.has(ref) && id === (this.#people.get(ref)?.id ?? "")) continue;
      this.#made.delete(ref);
      this.ontrack(ref, null);
      this.#marks?.undress(ref);
    }
    for (const [ref, mark] of this.#people) if (this.#camera && !this.#made.has(ref)) void this.#make(ref, this.#camera, mark);
  }

  /** @param {string} ref @param {MediaStreamTrack} camera @param {Mark | null} mark */
  async #make(ref, camera, mark) {
    const made = { camera, id: mark?.id ?? "" };
    this.#made.set(ref, made);
    if (!mark || !this.#marks) {
      this.ontrack(ref, camera); // none was issued; or, without a key, one that cannot be put in
      if (mark) this.onmarked(ref, "cannot");
      return;
    }
    try {
      const track = await this.#marks.dress(camera, { ref, id: parseInt(mark.id, 16), quarter: mark.quarter });
      if (this.#made.get(ref) !== made) return;
      this.ontrack(ref, track);
      this.onmarked(ref, null);
    } catch {
      // `onunmarked` has said why; if nobody wants this copy any more, there is nothing to say
    }
  }

  /** @param {string} ref @param {Why} why */
  #plain(ref, why) {
    const made = this.#made.get(ref);
    const told = TOLD[why];
    if (!made || !told || made.camera !== this.#camera) return; // the camera was shut: no picture, so none unmarked
    this.onmarked(ref, told);
    this.ontrack(ref, made.camera);
    this.#marks?.undress(ref);
  }
}
