/**
 * The sealing of one call, between the wire and the keeper: who is in the call and under which index, whose frames each slot
 * may carry, and the words about keys both ways. Never touches the page, never sees a key.
 *
 * - The name of a stream comes from the key that opened it: `onopened` tells a person only when the key's index is that of
 *   the person whom the slot claims. Whoever the gate says it is, is not asked again.
 * - The server tells once which place in the call is whose, and once which section is whose; the first word counts for the whole call.
 *   Otherwise it could have the picture that was made for one person sealed for another.
 * - Words wait while the wire is lost and go out in their order when it is back. The keys stay.
 * - `seal.ready` is said when everybody who is here has confirmed keys, or three seconds after the first did: one device that
 *   does not answer stays dark and keeps nobody else from talking. After that, every change of key ids is said at once.
 */
import { CannotSeal, Keeper } from "./seal/keeper.js";
import { get } from "./api.js";
import { Refused } from "./connection.js";

/** @typedef {import("./protocol.js").Leg} Leg */
/** @typedef {import("./protocol.js").Media} Media */
/** @typedef {import("./protocol.js").Request} Request */
/** @typedef {import("./protocol.js").Slot} Slot */

/** So long after the first confirmation the others are waited for. */
const PATIENCE_MS = 3000;
/** So long until who may talk is asked again, while somebody's roster was not told. */
const AGAIN_MS = 1500;
/** Words of somebody kept while the worker starts. */
const EARLY = 64;

/** @param {Leg} leg has answered and not gone */
const isHere = ({ state }) => state === "connecting" || state === "connected" || state === "lost";

export class Sealed {
  /** Their frames open (or, false, may no longer be shown). @type {(ref: string, kind: Media, open: boolean) => void} */ onopened = () => {};
  /** The first frame on this mid was sealed. @type {(kind: Media, mid: string) => void} */ onsealed = () => {};
  /** Nothing of what comes from them opens (or, false, that is over). @type {(ref: string, kind: Media, shut: boolean) => void} */ onshut = () => {};
  /** Sealing is not to be had, or is no more. @type {(code: "cannot_seal" | "unsealed") => void} */ onfailed = () => {};
  /** Nobody whom this device believes has signed for their device (or, "", somebody has). @type {(ref: string, why: string) => void} */ onunsigned = () => {};

  /** Resolves when the worker is there; false: it will not be, and `onfailed` has said so. @type {Promise<boolean>} */ ready;

  #connection;
  #keeper;
  #call;
  #begun = false;
  #closed = false;
  /** @type {Leg[]} */ #legs = [];
  /** Whom the keeper knows. @type {Set<string>} */ #known = new Set();
  /** @type {Set<string>} */ #confirmed = new Set();
  /** @type {Map<string, {ref: string, kind: Media}>} by mid */ #slots = new Map();
  /** What the keeper was told of each mid. @type {Map<string, import("./seal/types.js").Whose>} */ #claimed = new Map();
  /** Whose place is which. @type {Map<string, number>} */ #places = new Map();
  /** @type {[string, string][]} */ #early = [];
  /** @type {number[]} */ #kids = [];
  #readyTold = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #patience;
  #patient = true;
  /** Whose roster was told. @type {Set<string>} */ #told = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #again;
  #asking = false;
  #askedAgain = false;
  /** Words that wait for the wire. @type {Request[]} */ #waiting = [];
  /** Said too fast: wait so long. @type {ReturnType<typeof setTimeout> | undefined} */ #pause;

  /** @param {import("./connection.js").Connection} connection @param {{call: string, index: number}} place */
  constructor(connection, { call, index }) {
    this.#connection = connection;
    this.#call = call;
    const keeper = (this.#keeper = new Keeper({ call, index, me: connection.me }));
    keeper.onsend = (to, body) => this.#say({ t: "seal.to", call, to, body });
    keeper.onkids = (kids) => {
      this.#kids = kids;
      if (this.#readyTold) this.#say({ t: "seal.ready", call, kids });
    };
    keeper.onconfirmed = (ref) => {
      this.#confirmed.add(ref);
      this.onunsigned(ref, "");
      this.#patience ??= setTimeout(() => {
        this.#patient = false;
        this.#tellReady();
      }, PATIENCE_MS);
      this.#tellReady();
    };
    keeper.onsealed = (kind, mid) => this.onsealed(kind, mid);
    keeper.onopened = (mid, kind, index) => {
      const slot = this.#slots.get(mid);
      if (slot?.kind === kind && this.#indexOf(slot.ref) === index) this.onopened(slot.ref, kind, true);
    };
    keeper.oncoming = (mid, now) => {
      const slot = this.#slots.get(mid);
      if (!slot) return;
      if (now !== "still") this.onopened(slot.ref, slot.kind, now === "open"); // a last picture does not stay on the screen
      this.onshut(slot.ref, slot.kind, now === "shut");
    };
    keeper.onunsigned = (ref, why) => this.onunsigned(ref, why);
    keeper.onfailed = () => this.#closed || this.onfailed("unsealed");
    this.ready = keeper.start().then(() => this.#begin(), () => {
      if (!this.#closed) this.onfailed("cannot_seal");
      return false;
    });
  }

  /** Everybody else's place in the call now. @param {Leg[]} legs */
  people(legs) {
    for (const { ref, index } of legs) {
      if (!this.#places.has(ref) && ![...this.#places.values()].includes(index)) this.#places.set(ref, index);
    }
    this.#legs = legs.filter(({ ref, index }) => this.#places.get(ref) === index);
    if (!this.#begun || this.#closed) return;
    const here = this.#legs.filter(isHere);
    for (const ref of this.#known) {
      if (here.some((leg) => leg.ref === ref)) continue;
      this.#known.delete(ref);
      this.#confirmed.delete(ref);
      this.#keeper.gone(ref);
    }
    for (const { ref, index } of here) {
      if (this.#known.has(ref)) continue;
      this.#known.add(ref);
      this.#keeper.peer(ref, index);
    }
    if ([...this.#known].some((ref) => !this.#told.has(ref))) void this.rosters();
    this.#claim();
    this.#tellReady();
  }

  /**
   * The gate's slots, before its offer is read. Throws when a section is another's than before. `onceMid`: where a picture goes out
   * that is sent once; nobody's comes in there.
   * @param {Slot[]} slots @param {string} [onceMid]
   */
  slots(slots, onceMid = "") {
    /** @type {[string, {ref: string, kind: Media}][]} */
    const laid = slots.flatMap(({ ref, audio_mid, video_mid }) => [[audio_mid, { ref, kind: "audio" }], [video_mid, { ref, kind: "video" }]]);
    if (onceMid) laid.push([onceMid, { ref: "", kind: "video" }]);
    for (const [mid, slot] of laid) {
      const before = this.#slots.get(mid) ?? slot;
      if (before.ref !== slot.ref || before.kind !== slot.kind) throw new CannotSeal("slot");
      this.#slots.set(mid, slot);
    }
    this.#claim();
  }

  /** Both transforms of a transceiver; synchronous. Throws when it cannot be done. @param {RTCRtpTransceiver} transceiver */
  attach(transceiver) {
    const { mid } = transceiver;
    if (mid === null || this.#slots.get(mid)?.kind !== transceiver.receiver.track.kind) throw new CannotSeal("slot");
    this.#keeper.attach(transceiver, { mid, index: this.#claimed.get(mid) ?? null });
  }

  /** Why this connection must stop at once, or nothing. @param {RTCPeerConnection} pc */
  watch(pc) {
    return this.#keeper.watch(pc);
  }

  /** A word of somebody's device. @param {string} ref @param {string} body */
  body(ref, body) {
    if (this.#begun) this.#keeper.body(ref, body);
    else if (this.#early.length < EARLY) this.#early.push([ref, body]);
  }

  /** Which devices may talk may have changed: ask again. @returns {Promise<void>} */
  async rosters() {
    if (this.#asking) {
      this.#askedAgain = true;
      return;
    }
    clearTimeout(this.#again);
    [this.#asking, this.#askedAgain] = [true, false];
    try {
      /** @type {import("./seal/types.js").Entry[]} */ const found = await get(`/api/calls/${this.#call}/rosters`);
      if (this.#closed) return;
      for (const entry of found) {
        this.#told.add(entry.ref);
        this.#keeper.roster(entry);
      }
    } catch {
      // no answer is no keys: it is asked again
    } finally {
      this.#asking = false;
    }
    if (this.#closed) return;
    if (this.#askedAgain) return this.rosters();
    if ([...this.#known].some((ref) => !this.#told.has(ref))) this.#again = setTimeout(() => void this.rosters(), AGAIN_MS);
  }

  /** The wire is back in the same session: what waited goes out. */
  wireBack() {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    for (const request of this.#waiting.splice(0)) this.#say(request);
  }

  /** Over: keys and all. Safe to say twice. */
  close() {
    this.#closed = true;
    clearTimeout(this.#patience);
    clearTimeout(this.#pause);
    clearTimeout(this.#again);
    this.#waiting = [];
    this.#keeper.close();
  }

  #begin() {
    if (this.#closed) return false;
    this.#begun = true;
    this.people(this.#legs);
    for (const [ref, body] of this.#early.splice(0)) this.#keeper.body(ref, body);
    return true;
  }

  /** @param {string} ref @returns {number | null} */
  #indexOf(ref) {
    return this.#legs.find((leg) => leg.ref === ref && leg.state !== "left")?.index ?? null;
  }

  /** Tell the keeper whose frames each slot may carry, where that has changed. */
  #claim() {
    for (const [mid, { ref, kind }] of this.#slots) {
      const index = ref ? this.#indexOf(ref) : "all";
      if (this.#claimed.get(mid) === index) continue;
      this.#claimed.set(mid, index);
      this.#keeper.claim(mid, index);
      this.onopened(ref, kind, false);
    }
  }

  #tellReady() {
    if (this.#readyTold || this.#closed || !this.#confirmed.size || !this.#kids.length) return;
    if (this.#patient && [...this.#known].some((ref) => !this.#confirmed.has(ref))) return;
    this.#readyTold = true;
    this.#say({ t: "seal.ready", call: this.#call, kids: this.#kids });
  }

  /** @param {Request} request */
  #say(request) {
    if (this.#closed) return;
    if (this.#connection.state !== "ready" || this.#pause !== undefined) {
      this.#waiting.push(request);
      return;
    }
    this.#connection.send(request).catch((fault) => {
      if (this.#closed || !(fault instanceof Refused)) return;
      if (fault.code === "lost" || fault.code === "rate_limited") this.#waiting.push(request);
      if (fault.code === "rate_limited") this.#pause ??= setTimeout(() => this.wireBack(), fault.retryAfterMs);
    });
  }
}
