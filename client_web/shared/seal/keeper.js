/**
 * The page's side of sealing: starts the worker, puts its transforms on, carries its bodies. It never sees a key. No page in here.
 *
 * The order of a call, which nothing may change (Chromium ignores for ever, without a word, a transform that is put on one task
 * too late, and sends everything as it is):
 *
 * 1. `await keeper.start()`, before any connection.
 * 2. `new RTCPeerConnection({...SEALED, ...})`. Chromium then lets nothing out and shows nothing until a transform is there.
 * 3. `await setRemoteDescription(offer)`, and as the very next statements `attach` for *every* transceiver.
 * 4. A dummy track on the sender until `onsealed` has told of that mid; only then a real one. Afterwards only `replaceTrack`;
 *    never `transform = null` (Firefox would send as it is at once), never a second transform.
 * 5. `watch()` every second; when it says why, `replaceTrack(null)`, close, and tell the person.
 *
 * A browser that cannot is refused with a sentence (`support`). There is no way to seal a little, and nothing turns sealing off.
 */

/** @typedef {import("./types.js").Kind} Kind */
/** @typedef {import("./types.js").Said} Said */
/** @typedef {import("./types.js").Stream} Stream */
/** @typedef {import("./types.js").Told} Told */
/** @typedef {import("./types.js").Numbers} Numbers */
/** @typedef {"" | "transform" | "worker" | "curves" | "store"} Lack what a browser lacks; empty: nothing */

/** For every connection of a call. @type {RTCConfiguration} */
export const SEALED = { encodedInsertableStreams: true };

/** What can be seen without starting the worker. @returns {Lack} */
export function support() {
  if (typeof RTCRtpScriptTransform === "undefined") return "transform";
  if (!("transform" in RTCRtpSender.prototype) || !("transform" in RTCRtpReceiver.prototype)) return "transform";
  if (typeof Worker === "undefined") return "worker";
  if (typeof indexedDB === "undefined") return "store";
  return globalThis.crypto?.subtle ? "" : "curves";
}

/** What can only be seen by starting the worker, which is thrown away: asked before anybody is rung and before a microphone opens. @returns {Promise<Lack>} */
export function lacking() {
  const lack = support();
  if (lack) return Promise.resolve(lack);
  return new Promise((resolve) => {
    const worker = new Worker(workersAddress(), { type: "module", name: "seal" });
    /** @param {Lack} why */
    const found = (why) => {
      clearTimeout(timer);
      worker.terminate();
      resolve(why);
    };
    const timer = setTimeout(() => found("worker"), PATIENCE_MS);
    worker.onmessage = ({ data }) => found(data.k === "awake" ? "" : data.why || "worker");
    worker.onerror = () => found("worker");
  });
}

/** @typedef {{createScriptURL(text: string): string}} UrlPolicy */
/** @typedef {{trustedTypes?: {createPolicy(name: string, rules: UrlPolicy): UrlPolicy}}} MaybeTrusted */

const WORKER = new URL("./worker.js", import.meta.url).href;
/** @type {UrlPolicy | null} */ let policy = null;
/** Where the browser has Trusted Types, this policy is the only maker of script addresses, and it knows one. */
export function workersAddress() {
  const rules = { createScriptURL: () => WORKER };
  policy ??= /** @type {MaybeTrusted} */ (globalThis).trustedTypes?.createPolicy("ringfence-seal", rules) ?? rules;
  return policy.createScriptURL("");
}

const PATIENCE_MS = 10_000;
/** In so many looks of the watchdog, a second apart, all that came must have been refused before it is told. */
const SHUT_LOOKS = 2;
/** @typedef {"open" | "shut" | "still"} Coming */

/** Sealing was not to be had. `why` is a code for the sentence. */
export class CannotSeal extends Error {
  /** @param {string} why */
  constructor(why) {
    super(why);
    this.name = "CannotSeal";
    this.why = why;
  }
}

export class Keeper {
  /** A body for somebody, to be carried by `seal.to`. @type {(ref: string, body: string) => void} */ onsend = () => {};
  /** The KIDs that may be on our frames: tell the gate at once, before any body that comes after. @type {(kids: number[]) => void} */
  onkids = () => {};
  /** Their key is here and ours is there. @type {(ref: string) => void} */ onconfirmed = () => {};
  /** They did not take our newest key in time. @type {(ref: string) => void} */ ondark = () => {};
  /** Their device stands in no roster that holds: no keys, and nobody in the call can change that. @type {(ref: string, why: string) => void} */
  onunsigned = () => {};
  /** Something of theirs did not hold; it changed nothing. @type {(ref: string, why: string) => void} */ onrefused = () => {};
  /** The first frame on this mid was sealed: a real track may be put on it. @type {(kind: Kind, mid: string) => void} */ onsealed = () => {};
  /** The first frame of this mid opened: show it, unmute it. @type {(mid: string, kind: Kind, index: number) => void} */
  onopened = () => {};
  /** All that comes on this mid does not open ("shut"), or nothing comes any more ("still"), or it opens again. @type {(mid: string, now: Coming) => void} */
  oncoming = () => {};
  /** The worker is no more: stop the call. @type {(why: string) => void} */ onfailed = () => {};

  #place;
  /** @type {Worker | null} */ #worker = null;
  #ready = false;
  #closed = false;
  /** @type {((numbers: Numbers) => void)[]} */ #asking = [];
  /** By mid: what had been counted at the last look, and in how many looks nothing of what came opened. @type {Map<string, {opened: number, refused: number, looks: number, now: Coming}>} */
  #looks = new Map();
  /** @type {(why?: CannotSeal) => void} */ #begun = () => {};

  /** @param {{call: string, index: number, me: string}} place */
  constructor(place) {
    this.#place = place;
  }

  /** Start the worker and make this call's keys. Throws `CannotSeal`; then there is no call. */
  async start() {
    const lack = support();
    if (lack) throw new CannotSeal(lack);
    const worker = (this.#worker = new Worker(workersAddress(), { type: "module", name: "seal" }));
    worker.onmessage = (event) => this.#hear(event.data);
    worker.onerror = () => this.#fail("worker");
    const timer = setTimeout(() => this.#begun(new CannotSeal("worker")), PATIENCE_MS);
    /** @type {Promise<void>} */
    const begun = new Promise((resolve, reject) => (this.#begun = (why) => (why ? reject(why) : resolve())));
    await begun.catch((why) => {
      this.close();
      throw why;
    });
    clearTimeout(timer);
  }

  /**
   * Put the transforms on both ends of a transceiver. Synchronous, so that it can stand in the same task as the description.
   * @param {RTCRtpTransceiver} transceiver
   * @param {{mid: string, index: import("./types.js").Whose}} whose `index`: the person in this slot, by the call's state; null: nobody yet
   */
  attach(transceiver, { mid, index }) {
    const kind = /** @type {Kind} */ (transceiver.receiver.track.kind);
    if (!this.#worker || !this.#ready || this.#closed || support()) throw new CannotSeal("worker");
    for (const [end, side] of /** @type {const} */ ([[transceiver.receiver, "recv"], [transceiver.sender, "send"]])) {
      /** @type {Stream} */
      const options = { side, kind, mid, index };
      if (!end.transform) end.transform = new RTCRtpScriptTransform(this.#worker, options);
    }
  }

  /**
   * Whose frames this mid may pass from now on. Our pictures on it are sealed for the first one ever said, and for nobody else.
   * @param {string} mid @param {import("./types.js").Whose} index
   */
  claim(mid, index) {
    this.#tell({ k: "claim", mid, index });
  }

  /** Somebody is in the call. Our hello goes to them by itself. @param {string} ref @param {number} index */
  peer(ref, index) {
    this.#tell({ k: "peer", ref, index });
  }

  /** A body came (`seal.from`): a hello, a wrap or an ack; it may come before `peer`. @param {string} ref @param {string} body */
  body(ref, body) {
    this.#tell({ k: "body", ref, body });
  }

  /** Somebody left for good. @param {string} ref */
  gone(ref) {
    this.#tell({ k: "gone", ref });
  }

  /** What the server handed out of whose devices may talk. @param {import("./types.js").Entry} told */
  roster(told) {
    this.#tell({ k: "roster", told });
  }

  /** @returns {Promise<Numbers>} */
  async numbers() {
    if (!this.#ready || this.#closed) throw new CannotSeal("worker");
    return new Promise((resolve) => {
      this.#asking.push(resolve);
      this.#tell({ k: "stats" });
    });
  }

  /**
   * Why the call must stop at once, or nothing. The browser is asked first: what it counts has passed the worker by then.
   * @param {RTCPeerConnection} pc
   */
  async watch(pc) {
    const counted = tally(await pc.getStats());
    const numbers = await this.numbers();
    this.#look(numbers);
    return watchdog(counted, numbers);
  }

  /** @param {Numbers} numbers */
  #look({ opened, refused }) {
    for (const mid of new Set([...Object.keys(opened), ...Object.keys(refused)])) {
      const was = this.#looks.get(mid) ?? { opened: 0, refused: 0, looks: 0, now: "open" };
      const [opens, shut] = [opened[mid] ?? 0, refused[mid] ?? 0];
      const looks = opens === was.opened && shut > was.refused ? was.looks + 1 : 0;
      /** @type {Coming} */
      const now = opens > was.opened ? "open" : looks >= SHUT_LOOKS ? "shut" : was.now === "shut" && !looks ? "still" : was.now;
      this.#looks.set(mid, { opened: opens, refused: shut, looks, now });
      if (now !== was.now) this.oncoming(mid, now);
    }
  }

  /** Over: keys and all. Safe to say twice. */
  close() {
    this.#closed = true;
    this.#worker?.terminate();
    this.#worker = null;
  }

  /** @param {Told} told */
  #tell(told) {
    this.#worker?.postMessage(told);
  }

  /** @param {string} why */
  #fail(why) {
    if (!this.#ready) return this.#begun(new CannotSeal(why));
    this.onfailed(why);
  }

  /** @param {Said} said */
  #hear(said) {
    if (this.#closed) return;
    if (said.k === "awake") return this.#tell({ k: "init", ...this.#place });
    if (said.k === "ready") {
      this.#ready = true;
      return this.#begun();
    }
    if (said.k === "send") return this.onsend(said.ref, said.body);
    if (said.k === "kids") return this.onkids(said.kids);
    if (said.k === "confirmed") return this.onconfirmed(said.ref);
    if (said.k === "dark") return this.ondark(said.ref);
    if (said.k === "unsigned") return this.onunsigned(said.ref, said.why);
    if (said.k === "refused") return this.onrefused(said.ref, said.why);
    if (said.k === "sealed") return this.onsealed(said.kind, said.mid);
    if (said.k === "opened") return this.onopened(said.mid, said.kind, said.index);
    if (said.k === "stats") return this.#asking.shift()?.(said);
    if (said.k === "failed") this.#fail(said.why);
  }
}

// -- the watchdog --------------------------------------------------------------------------------------------------------------

/**
 * What the browser counts on the far side of the transforms.
 * @typedef {{sent: Record<Kind, number>, pictures?: number, received: Record<string, {kind: Kind, frames: number}>}} Counted
 * `sent`: bytes of sound that left, pictures that were encoded; `pictures`: on how many senders; `frames`: packets of sound that came, pictures decoded.
 * Nothing else would do: to measure the way, Chromium sends empty packets beside the sound, and old pictures again, and counts
 * them as packets, and the pictures as bytes too. The bytes of sound were found equal to the byte, in Chromium and in Firefox.
 */

/** @param {Iterable<[string, any]>} report of getStats @returns {Counted} */
export function tally(report) {
  /** @type {Counted} */
  const counted = { sent: { audio: 0, video: 0 }, pictures: 0, received: {} };
  for (const [, one] of report) {
    const kind = /** @type {Kind} */ (one.kind);
    if (one.type === "outbound-rtp") {
      if (kind === "video" && one.framesEncoded) counted.pictures = (counted.pictures ?? 0) + 1;
      counted.sent[kind] += (kind === "video" ? one.framesEncoded : one.bytesSent - (one.retransmittedBytesSent ?? 0)) || 0;
    } else if (one.type === "inbound-rtp" && one.mid !== undefined) {
      counted.received[one.mid] = { kind, frames: (kind === "video" ? one.framesDecoded : one.packetsReceived) ?? 0 };
    }
  }
  return counted;
}

/** How far the two may differ for a moment, because a frame is on its way to the worker: half a second. */
const ON_THE_WAY = { audio: 4500, video: 15 };
/** Nothing is decoded that was not opened before. */
const DECODED = 3;
/** Packets of sound that came but not to the worker: half a second, and one in ten for those that came twice. */
const heardOf = (/** @type {number} */ arrived) => 25 + 1.1 * arrived;

/**
 * "" while everything that left came by the worker and everything shown was opened; otherwise which of the two is not so.
 * @param {Counted} counted asked of the browser first @param {Numbers} numbers asked of the worker after that
 * @returns {"" | "sent" | "shown"}
 */
export function watchdog({ sent, pictures = 1, received }, numbers) {
  const onTheWay = ON_THE_WAY.video * Math.max(1, pictures); // each viewer's own picture is on its own way
  if (sent.audio > numbers.bytes.audio + ON_THE_WAY.audio || sent.video > numbers.came.video + onTheWay) return "sent";
  for (const [mid, { kind, frames }] of Object.entries(received)) {
    const bound = kind === "video" ? (numbers.opened[mid] ?? 0) + DECODED : heardOf(numbers.arrived[mid] ?? 0);
    if (frames > bound) return "shown";
  }
  return "";
}
