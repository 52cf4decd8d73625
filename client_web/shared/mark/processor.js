/**
 * Marking by track processor (Chromium): the frames of a camera go to a worker and come back as one track for each recipient. Both ends are
 * streams made on the page and passed to the worker, so no frame touches the page's own thread.
 */

/** @typedef {import("./types.js").Told} Told */
/** @typedef {import("./types.js").Said} Said */
/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./types.js").Hears} Hears */
/** @typedef {import("./types.js").Whose} Whose */

/** @typedef {{createScriptURL(text: string): string}} UrlPolicy */
/** @typedef {{trustedTypes?: {createPolicy(name: string, rules: UrlPolicy): UrlPolicy}}} MaybeTrusted */

const WORKER = new URL("./worker.js", import.meta.url).href;
/** @type {UrlPolicy | null} */ let policy = null;
/** Where the browser has Trusted Types, this policy makes the address of our worker and of nothing else (as seal/keeper.js does). */
function workersAddress() {
  const rules = { createScriptURL: () => WORKER };
  policy ??= /** @type {MaybeTrusted} */ (globalThis).trustedTypes?.createPolicy("ringfence-mark", rules) ?? rules;
  return policy.createScriptURL("");
}

const PATIENCE_MS = 10_000;

export const supported = () =>
  typeof MediaStreamTrackProcessor === "function" && typeof MediaStreamTrackGenerator === "function" && typeof Worker === "function";

/** The worker, once it is there. */
export class Room {
  #worker = new Worker(workersAddress(), { type: "module", name: "mark" });
  /** @type {Map<number, Hears>} */ #hears = new Map();
  #count = 0;
  /** @type {(() => void) | null} */ #begun = null;
  /** @type {() => void} */ #broken = () => {};
  #key;
  /** The worker threw, or never came. */ broken = false;

  /** Rejects when the worker does not come. @type {Promise<void>} */ ready;

  /** @param {Uint8Array<ArrayBuffer>} key */
  constructor(key) {
    this.#key = key;
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#broken(), PATIENCE_MS);
      this.#begun = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#broken = () => {
        this.broken = true;
        reject(new Error("worker"));
        for (const hears of this.#hears.values()) hears.failed("worker");
      };
    });
    this.ready.catch(() => {}); // whoever waits for it hears of it
    this.#worker.onmessage = (event) => this.#hear(event.data);
    this.#worker.onerror = () => this.#broken();
  }

  /** @param {MediaStreamTrack} track @param {Hears} hears @returns {Source} */
  open(track, hears) {
    const n = this.#count++;
    const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 });
    this.#hears.set(n, hears);
    this.#tell({ k: "source", n, readable }, [readable]);
    /** @type {Map<string, MediaStreamTrack>} */
    const made = new Map();
    const end = () => {
      for (const one of made.values()) one.stop();
      made.clear();
    };
    return {
      add: async (whose) => {
        const generator = new MediaStreamTrackGenerator({ kind: "video" });
        generator.contentHint = track.contentHint;
        made.set(whose.ref, generator);
        this.#tell({ k: "add", n, whose, writable: generator.writable }, [generator.writable]);
        return generator;
      },
      remove: (ref) => {
        made.get(ref)?.stop();
        made.delete(ref);
        this.#tell({ k: "remove", n, ref });
      },
      close: () => {
        end();
        this.#hears.delete(n);
        this.#tell({ k: "close", n });
      },
    };
  }

  close() {
    this.#hears.clear();
    this.#broken();
    this.#worker.terminate();
  }

  /** @param {Told} told @param {Transferable[]} [with_] */
  #tell(told, with_ = []) {
    this.#worker.postMessage(told, with_);
  }

  /** @param {Said} said */
  #hear(said) {
    if (said.k === "awake") this.#tell({ k: "key", key: this.#key });
    else if (said.k === "ready") this.#begun?.();
    else if (said.k === "paced") this.#hears.get(said.n)?.paced(said.numbers);
    else if (said.k === "failed") this.#hears.get(said.n)?.failed(said.why);
    else this.#hears.get(said.n)?.ended();
  }
}
