/**
 * The marks of one call: our own camera's picture, dressed for each recipient with a faint code of theirs (docs/reference/mark.md). This is
 * all that the rest of the page knows of marking.
 *
 * - `dress` gives a new track for one recipient. It carries marked frames and nothing else: never a frame as it came from the camera.
 * - Give it our own camera's track and nothing else: not somebody else's picture, not the black one that is sent before sealing.
 * - One camera is read once, however many receive it. The camera itself is not copied: when it is stopped it is off, and so are
 *   the tracks made of it.
 * - Where this device cannot mark, or cannot keep up, `onunmarked` says so, once for each recipient, and nothing else changes: what leaves
 *   then, and who is told, is up to the caller. After "slow" the track goes on, marked, until `undress`; after anything else it has ended.
 */
import * as canvas from "./canvas.js";
import { keyFrom, tile } from "./pattern.js";
import * as processor from "./processor.js";

/** @typedef {import("./types.js").Why} Why */
/** @typedef {import("./types.js").Numbers} Numbers */
/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./types.js").Hears} Hears */
/** @typedef {import("./types.js").Whose} Whose */
/** `refs`: for whom, and which asking it was. @typedef {{track: MediaStreamTrack, refs: Map<string, object>, source: Source | null}} Camera */

/** There is no marked track. `why` is a code. */
export class CannotMark extends Error {
  /** @param {Why} why */
  constructor(why) {
    super(why);
    this.name = "CannotMark";
    this.why = why;
  }
}

/** Which way this browser can mark, if any. @returns {"processor" | "canvas" | ""} */
export function way() {
  if (processor.supported()) return "processor";
  return canvas.supported() ? "canvas" : "";
}

export class Marks {
  /** What goes to this recipient is not marked, or will not be. @type {(ref: string, why: Why) => void} */ onunmarked = () => {};
  /** How it goes, every few seconds. @type {(numbers: Numbers) => void} */ onpaced = () => {};

  #key;
  #stopped = false;
  /** @type {processor.Room | null} */ #room = null;
  /** @type {ReturnType<typeof tile> | null} */ #tile = null;
  /** @type {Set<Camera>} */ #cameras = new Set();
  /** Of whom it was said. @type {Set<string>} */ #told = new Set();

  /** @param {string} key the deployment's, 32 bytes, base64url; a wrong one is told of at the first `dress` */
  constructor(key) {
    this.#key = key;
  }

  /**
   * A marked track of this camera for one recipient. A second one for the same recipient takes the place of the first, which ends.
   * Rejects with `CannotMark` when it cannot be, after `onunmarked` has been called; or, without that
   * call, because nothing leaves then: with the reason "stopped" when it was undressed or asked for again meanwhile, "ended" when
   * the camera was shut.
   * @param {MediaStreamTrack} track our own camera's
   * @param {Whose} whose `id`: 32 bits as a number; `quarter`: 0 to 3, another for each recipient of ours
   * @returns {Promise<MediaStreamTrack>}
   */
  async dress(track, whose) {
    this.#told.delete(whose.ref);
    this.undress(whose.ref);
    try {
      return await this.#dress(track, whose);
    } catch (fault) {
      const why = fault instanceof CannotMark ? fault.why : "worker";
      if (why !== "stopped") this.undress(whose.ref); // it may be another asking's by now
      if (why !== "stopped" && why !== "ended") this.#tell(whose.ref, why); // nothing leaves otherwise, marked or not
      throw fault instanceof CannotMark ? fault : new CannotMark(why);
    }
  }

  /** @param {MediaStreamTrack} track @param {Whose} whose */
  async #dress(track, { ref, id, quarter }) {
    if (this.#stopped) throw new CannotMark("stopped");
    if (!Number.isInteger(id) || id < 0 || id > 0xffffffff || ![0, 1, 2, 3].includes(quarter)) throw new CannotMark("id");
    if (track.kind !== "video" || track.readyState === "ended") throw new CannotMark("ended");
    const camera = this.#cameraOf(track);
    const asking = {};
    camera.refs.set(ref, asking);
    const open = await this.#opener().catch((fault) => {
      throw camera.refs.get(ref) === asking ? fault : new CannotMark("stopped");
    });
    // While we waited: all was stopped, this one was undressed or asked for again, or the camera was shut.
    if (this.#stopped || camera.refs.get(ref) !== asking) throw new CannotMark("stopped");
    if (/** @type {string} */ (track.readyState) === "ended") throw new CannotMark("ended");
    camera.source ??= open(track, this.#hears(camera));
    return camera.source.add({ ref, id, quarter });
  }

  /** No more marked pictures for this recipient: their track ends. Safe to say twice. @param {string} ref */
  undress(ref) {
    for (const camera of this.#cameras) {
      if (!camera.refs.delete(ref)) continue;
      camera.source?.remove(ref);
      if (!camera.refs.size) this.#close(camera);
    }
  }

  /** Over, for everybody. The camera is not touched. Safe to say twice. */
  stop() {
    this.#stopped = true;
    for (const camera of this.#cameras) this.#close(camera);
    this.#room?.close();
    this.#room = null;
  }

  /** @param {MediaStreamTrack} track */
  #cameraOf(track) {
    for (const camera of this.#cameras) if (camera.track === track) return camera;
    /** @type {Camera} */
    const made = { track, refs: new Map(), source: null };
    this.#cameras.add(made);
    return made;
  }

  /** @returns {Promise<(track: MediaStreamTrack, hears: Hears) => Source>} */
  async #opener() {
    const how = way();
    if (!how) throw new CannotMark("none");
    /** @type {Uint8Array<ArrayBuffer>} */
    let key;
    try {
      key = keyFrom(this.#key);
    } catch {
      throw new CannotMark("key");
    }
    if (how === "processor") {
      if (this.#room?.broken) {
        this.#room.close();
        this.#room = null;
      }
      const room = (this.#room ??= new processor.Room(key));
      await room.ready.catch(() => {
        throw new CannotMark("worker");
      });
      return (track, hears) => room.open(track, hears);
    }
    if (!canvas.honest()) throw new CannotMark("canvas");
    const made = await (this.#tile ??= tile(key));
    return (track, hears) => canvas.open(track, made, hears);
  }

  /** @param {Camera} camera @returns {Hears} */
  #hears(camera) {
    return {
      paced: (numbers) => {
        this.onpaced(numbers);
        // One at a time, the one who came last first: perhaps it is enough for the others.
        const newest = numbers.slow ? [...camera.refs.keys()].reverse().find((ref) => !this.#told.has(ref)) : undefined;
        if (newest !== undefined) this.#tell(newest, "slow");
      },
      failed: (why) => {
        for (const ref of [...camera.refs.keys()]) this.#tell(ref, why);
        this.#close(camera);
      },
      ended: () => this.#close(camera),
    };
  }

  /** @param {Camera} camera */
  #close(camera) {
    this.#cameras.delete(camera);
    camera.refs.clear();
    camera.source?.close();
    camera.source = null;
  }

  /** @param {string} ref @param {Why} why */
  #tell(ref, why) {
    if (this.#stopped || this.#told.has(ref)) return;
    this.#told.add(ref);
    this.onunmarked(ref, why);
  }
}
