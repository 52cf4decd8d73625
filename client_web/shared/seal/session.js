/**
 * One device's keys in one call: whom it has agreed with, which key seals now, which keys open, and when they change. All of it
 * runs inside the worker (`worker.js` is the thin rim); nothing here knows a page, a clock or a store but what it is handed, so
 * that whole calls of several devices run in Node under a clock moved by hand.
 *
 * The rules, in the order of their weight:
 *
 * 1. A frame is let through only when it was sealed or opened. Every other case, also one that nobody thought of, drops it.
 * 2. No message to the page carries a key. What leaves is hellos, wraps, acks, numbers and names.
 * 3. A key is made anew whenever somebody comes or goes. First everybody gets the new one and the gate is told its KIDs; then,
 *    when all have acknowledged or after two seconds, this device seals with it. Who has not acknowledged is told as dark and
 *    waits; nobody waits for who has left. What the others sent under the old key still opens for five seconds.
 * 4. A KID is not used for another key within a minute. If somebody left and no KID is free, this device seals nothing until
 *    one is: silence, rather than a key that the one who left knows.
 * 5. A picture that is made for one viewer is sealed with a key that only this device and that viewer's have. Which section goes to
 *    whom is said once and never changes; a section of which something else is said later is silent for good. While its viewer
 *    has no key, such a picture is sealed with one that nobody else has, and never with that of what goes to all.
 * 6. A device gets keys only when it stands in a roster that holds (`roster.js`). Until its roster was told, its hello waits; when it
 *    does not hold, that is told as `unsigned`, and nobody in the call can say yes to it.
 */

import { BASE, chance, makeHalf, makeHello, NotHeld, Pair, readBody, readHello } from "./agree.js";
import { judge, readRoster } from "./roster.js";
import { copyKidOf, Dropped, EPOCHS, kidOf, lookAtFrame, OpeningKey, sealFrame, SealingKey, SENDERS } from "./sframe.js";

/** @typedef {import("./types.js").Kind} Kind */
/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Stream} Stream */
/** @typedef {import("./types.js").Told} Told */
/** @typedef {import("./types.js").Said} Said */
/** @typedef {import("./types.js").Vault} Vault */
/** @typedef {import("./agree.js").Hello} Hello */
/** `copies`: by viewer's index, for the pictures that are made for them alone. @typedef {{audio: SealingKey, video: SealingKey, copies: Map<number, SealingKey>}} SealingKeys */
/** @typedef {import("./types.js").Whose} Whose */
/**
 * @typedef {{ref: string, index: number, body: string, hello: Hello | null, pair: Pair | null, epoch: number,
 *   acked: number, confirmed: boolean, dark: boolean, waiting: string | null, unsigned: string, signer: string, early: string[]}} Peer
 */
/** @typedef {{ref: string, epoch: number, key: OpeningKey, until: number}} Opening */
/** @typedef {{kind: Kind, index: number | null, told: boolean, needKey: boolean, asked: number, ask: () => void}} Incoming */

/** How long a sender waits for acknowledgements, and at the very most while others keep coming and going. */
export const PATIENCE_MS = 2000;
const PATIENCE_ALL_MS = 4000;
/** How long an old key still opens once the newer has opened something, and at the most after the newer came. */
export const OLD_KEY_MS = 5000;
const OLD_KEY_ALL_MS = 30_000;
/** How long a KID rests before it names another key. */
export const KID_REST_MS = 60_000;
/** Key pictures are asked for at most this often. */
export const ASK_MS = 300;
/** Bodies kept of somebody whose hello has not come yet, and how many such people. */
const EARLY = 8;
const EARLY_PEOPLE = 16;

/** The one person there, if it is one. @param {Whose} whose */
const sole = (whose) => (whose === "all" ? null : whose);

/** @type {Kind[]} */
const KINDS = ["audio", "video"];

export class Session {
  #vault;
  #now;
  #later;
  #post;
  /** @type {Promise<unknown>} */ #line = Promise.resolve();
  #ended = false;
  #call = "";
  #index = 0;
  #me = "";
  /** @type {CryptoKeyPair | null} */ #half = null;
  /** @type {{body: string, hello: Hello} | null} */ #mine = null;
  /** @type {Map<string, Peer>} */ #peers = new Map();
  /** Every half that was met in this call; none is met twice, also not after its owner left. @type {Set<string>} */ #met = new Set();
  /** @type {Map<string, string[]>} */ #early = new Map();
  /** Those who are handed no roster with this device in it. @type {Set<string>} */ #missing = new Set();
  /** What the server handed us of whose devices may talk. @type {Map<string, import("./types.js").Entry>} by ref */ #rosters = new Map();
  /** @type {{epoch: number, keys: SealingKeys} | null} */ #current = null;
  /** @type {{epoch: number, keys: SealingKeys, waiting: Set<string>, begun: number} | null} */ #next = null;
  #held = false; // somebody left who knows the current key, and no KID is free for another
  #retrying = false;
  /** For whom a picture is sealed while its viewer has no key: for nobody but ourselves. @type {SealingKey | null} */ #lone = null;
  /** Whose pictures go out on a section, as it was first said; "nobody" since something else was. @type {Map<string, number | "all" | "nobody">} by mid */
  #outgoing = new Map();
  /** When a slot of the epoch was last sealed with. @type {number[]} */ #spent = Array(EPOCHS).fill(-Infinity);
  /** @type {Map<number, Opening>} by KID */ #opening = new Map();
  /** @type {Map<string, Incoming>} by mid */ #incoming = new Map();
  /** Sections on which a frame was sealed. @type {Set<string>} */ #sealedOn = new Set();
  /** @type {import("./types.js").Numbers} */
  #numbers = { came: { audio: 0, video: 0 }, sent: { audio: 0, video: 0 }, bytes: { audio: 0, video: 0 }, arrived: {}, opened: {}, refused: {}, dropped: {} };

  /** @param {{vault: Vault, now: () => number, later: (ms: number, what: () => void) => void, post: (said: Said) => void}} around */
  constructor({ vault, now, later, post }) {
    this.#vault = vault;
    this.#now = now;
    this.#later = later;
    this.#post = post;
  }

  /** One message of the page. They are worked on one after the other, in the order in which they came. @param {Told} told */
  handle(told) {
    if (told.k === "claim") this.#claim(told.mid, told.index); // at once: no picture may slip through between the word and the deed
    return this.#queue(() => this.#handle(told), told.k === "roster" ? told.told.ref : "ref" in told ? told.ref : "");
  }

  /** @param {() => Promise<void> | void} work @param {string} ref */
  #queue(work, ref) {
    this.#line = this.#line.then(work).catch((fault) => this.#tell(fault, ref));
    return this.#line;
  }

  /** @param {unknown} fault @param {string} ref */
  #tell(fault, ref) {
    if (fault instanceof NotHeld && ref) this.#post({ k: "refused", ref, why: fault.why });
    else this.#post({ k: "failed", why: fault instanceof Error ? fault.name : "fault" });
  }

  /** @param {Told} told */
  async #handle(told) {
    if (told.k === "stats") return this.#post({ k: "stats", ...structuredClone(this.#numbers) });
    if (told.k === "end") return this.#end();
    if (this.#ended) return;
    if (told.k === "init") return this.#init(told);
    if (told.k === "claim") return;
    if (!this.#mine) throw new TypeError("not begun");
    if (told.k === "peer") return this.#peer(told.ref, told.index, told.body);
    if (told.k === "body") return this.#body(told.ref, told.body);
    if (told.k === "gone") return this.#gone(told.ref);
    if (told.k === "roster") return this.#roster(told.told);
  }

  // -- beginning and end ------------------------------------------------------------------------------------------------

  /** @param {{call: string, index: number, me: string}} what */
  async #init({ call, index, me }) {
    if (this.#mine) throw new TypeError("begun twice"); // a session is for one call; its counters must never begin again
    if (!/^[\w.-]{1,64}$/.test(call) || !Number.isInteger(index) || index < 0 || index >= SENDERS) throw new TypeError("init");
    [this.#call, this.#index, this.#me] = [call, index, me];
    const identity = await this.#vault.identity(me);
    this.#half = await makeHalf();
    // A key of one's own before anybody is there: frames can be sealed, and seen to be, before anything real is sent.
    this.#current = { epoch: 0, keys: await this.#keys(chance(BASE), 0, []) };
    this.#lone = await SealingKey.from(chance(BASE), copyKidOf(index, index, 0));
    this.#mine = await makeHello({ identity, half: this.#half, call, index, now: this.#now() });
    this.#post({ k: "ready", hello: this.#mine.body });
    this.#tellKids();
  }

  #end() {
    this.#ended = true;
    this.#half = this.#current = this.#next = this.#lone = null;
    this.#peers.clear();
    this.#rosters.clear();
    this.#early.clear();
    this.#opening.clear();
  }

  /** @param {import("./types.js").Bytes} base @param {number} epoch @param {{index: number, copy: import("./types.js").Bytes}[]} viewers @returns {Promise<SealingKeys>} */
  async #keys(base, epoch, viewers) {
    /** @param {Kind} kind */
    const one = (kind) => SealingKey.from(base, kidOf(this.#index, epoch, kind));
    /** @type {Map<number, SealingKey>} */
    const copies = new Map();
    for (const { index, copy } of viewers) copies.set(index, await SealingKey.from(copy, copyKidOf(index, this.#index, epoch)));
    return { audio: await one("audio"), video: await one("video"), copies };
  }

  /** The KIDs that may be on this device's frames from now on; of a picture for one viewer alone the gate looks at the same last byte. */
  #tellKids() {
    const epochs = [this.#current, this.#next].flatMap((one) => (one ? [one.epoch] : []));
    this.#post({ k: "kids", kids: epochs.flatMap((epoch) => KINDS.map((kind) => kidOf(this.#index, epoch, kind))) });
  }

  // -- people -------------------------------------------------------------------------------------------------------------

  /** @param {string} ref @param {number} index @param {string | undefined} body */
  async #peer(ref, index, body) {
    const known = this.#peers.get(ref);
    if (known && known.index !== index) await this.#gone(ref);
    let peer = this.#peers.get(ref);
    if (!peer) {
      const taken = index === this.#index || [...this.#peers.values()].some((other) => other.index === index);
      if (taken || !Number.isInteger(index) || index < 0 || index >= SENDERS) throw new NotHeld("index");
      const none = { hello: null, pair: null, epoch: -1, acked: -1, confirmed: false, dark: false, waiting: null, unsigned: "", signer: "" };
      peer = { ref, index, body: "", early: this.#early.get(ref) ?? [], ...none };
      this.#early.delete(ref);
      this.#peers.set(ref, peer);
      this.#send(ref, this.#mine?.body ?? "");
    }
    if (body !== undefined) peer.early.unshift(body);
    await this.#catchUp(peer);
  }

  /** @param {string} ref @param {string} body */
  async #body(ref, body) {
    const peer = this.#peers.get(ref);
    if (peer) {
      peer.early.push(body);
      return this.#catchUp(peer);
    }
    const early = this.#early.get(ref) ?? [];
    if (this.#early.size < EARLY_PEOPLE || early.length) this.#early.set(ref, [...early, body].slice(0, EARLY));
  }

  /** Work through what has come from somebody; wraps and acks wait for the hello. @param {Peer} peer @returns {Promise<void>} */
  async #catchUp(peer) {
    const waiting = peer.early.splice(0);
    for (const [n, body] of waiting.entries()) {
      try {
        const { t, words } = readBody(body);
        if (t === "hello") await this.#hello(peer, body);
        else if (!peer.pair) peer.early.push(body);
        else if (t === "wrap") await this.#wrap(peer, peer.pair, words);
        else await this.#ack(peer, peer.pair, words);
      } catch (fault) {
        this.#tell(fault, peer.ref);
      }
      if (this.#peers.get(peer.ref) !== peer) return;
      if (n === waiting.length - 1 && peer.pair && peer.early.length) return this.#catchUp(peer); // the hello was the last
    }
    peer.early = peer.early.slice(0, EARLY);
  }

  /** @param {Peer} peer @param {string} body */
  async #hello(peer, body) {
    if (body === peer.body || !this.#mine || !this.#half) return; // the same once more changes nothing
    const expected = { call: this.#call, index: peer.index, now: this.#now(), mine: this.#mine.hello };
    const hello = await readHello(body, expected);
    if (this.#met.has(hello.eph)) throw new NotHeld("expired"); // used once in this call, by anybody: its wraps must not open again
    const pair = await Pair.of(this.#half, this.#mine.hello, hello, this.#call);
    const { why, signer } = await this.#judge(peer, hello.id);
    if (why) {
      peer.waiting = body;
      return this.#unsigned(peer, why);
    }
    const again = peer.hello !== null;
    this.#forget(peer.ref);
    this.#met.add(hello.eph);
    Object.assign(peer, { body, hello, pair, epoch: -1, acked: -1, confirmed: false, dark: false, waiting: null, unsigned: "", signer });
    if (again) this.#send(peer.ref, this.#mine.body); // a new page of theirs does not have ours yet
    await this.#rotate(again);
  }

  /** Why somebody's device may not talk; empty when it may; "waits" while nobody told us; and whose signature counts for it. @param {Peer} peer @param {string} id */
  async #judge(peer, id) {
    const entry = this.#rosters.get(peer.ref);
    if (!entry || !this.#mine) return { why: "waits", signer: "" };
    const before = await this.#vault.met(this.#me, peer.ref);
    const mine = this.#mine.hello.id;
    const { why, met } = await judge({ entry, met: before, own: (await this.#vault.own(this.#me)) ?? mine, mine, id });
    if (met && met !== before) await this.#vault.meet(this.#me, peer.ref, met);
    return { why, signer: met?.guardian ?? "" };
  }

  /** @param {Peer} peer @param {string} why */
  #unsigned(peer, why) {
    if (why === "waits" || peer.unsigned === why) return;
    peer.unsigned = why;
    this.#post({ k: "unsigned", ref: peer.ref, why });
  }

  /** This very device is missing in what the other one is handed: it will be refused there, and here somebody can be told why. @param {import("./types.js").Entry} entry */
  async #own({ ref, contact, side, mine }) {
    if (mine === undefined || !this.#mine) return;
    const roster = mine === null ? null : await readRoster(mine, { contact, side: side === "a" ? "b" : "a" }).catch(() => null);
    const missing = !roster?.devices.includes(this.#mine.hello.id);
    if (missing === this.#missing.has(ref)) return;
    if (missing) this.#missing.add(ref);
    else this.#missing.delete(ref);
    this.#post({ k: "unsigned", ref, why: missing ? "own" : "" });
  }

  /** The server has told, or told anew, whose devices may talk. @param {import("./types.js").Entry} entry */
  async #roster(entry) {
    this.#rosters.set(entry.ref, entry);
    await this.#own(entry);
    const peer = this.#peers.get(entry.ref);
    if (!peer) return;
    const { hello, waiting } = peer;
    if (waiting !== null) {
      peer.waiting = null;
      await this.#hello(peer, waiting);
      await this.#catchUp(peer);
    }
    // Who is in the call already is looked at also while another hello waits under the same name: anybody can send one. Only a newer
    // roster that holds takes a device out, or our own grown-up's yes to another signer; what does not hold says nothing.
    if (!peer.hello || peer.hello !== hello) return;
    const { why, signer } = await this.#judge(peer, hello.id);
    if (!why) peer.signer = signer;
    if (!why || (why !== "device" && signer === peer.signer)) return;
    this.#forget(peer.ref);
    Object.assign(peer, { hello: null, pair: null, epoch: -1, acked: -1, confirmed: false });
    await this.#rotate(true);
    this.#unsigned(peer, why);
  }

  /** @param {string} ref */
  async #gone(ref) {
    const peer = this.#peers.get(ref);
    this.#early.delete(ref);
    if (!peer) return;
    this.#peers.delete(ref);
    this.#forget(ref);
    if (peer.pair) await this.#rotate(true);
  }

  /** @param {string} ref */
  #forget(ref) {
    for (const [kid, opening] of this.#opening) if (opening.ref === ref) this.#opening.delete(kid);
  }

  /** @param {string} ref @param {string} body */
  #send(ref, body) {
    this.#post({ k: "send", ref, body });
  }

  // -- our key ----------------------------------------------------------------------------------------------------------------

  /** @param {number} epoch */
  #free(epoch) {
    const slot = epoch % EPOCHS;
    return slot !== (this.#current?.epoch ?? -1) % EPOCHS && (this.#spent[slot] ?? 0) + KID_REST_MS <= this.#now();
  }

  /** A new key for everybody who is here. @param {boolean} leaving somebody knows the old ones who must not */
  async #rotate(leaving) {
    if (!this.#current) return;
    let epoch = (this.#next ?? this.#current).epoch + 1;
    for (let tries = 1; tries < EPOCHS && !this.#free(epoch); tries++) epoch++;
    if (!this.#free(epoch)) {
      if (leaving) [this.#held, this.#next] = [true, null];
      if (!this.#retrying) this.#later(1000, () => void this.#queue(() => this.#retry(), ""));
      this.#retrying = true;
      return;
    }
    const base = chance(BASE);
    const present = [...this.#peers.values()].flatMap(({ ref, index, pair }) => (pair ? [{ ref, index, pair, copy: chance(BASE) }] : []));
    const keys = await this.#keys(base, epoch, present);
    const wraps = await Promise.all(present.map(({ pair, index, copy }) => pair.wrap(this.#index, index, epoch, base, copy)));
    for (const spent of [base, ...present.map(({ copy }) => copy)]) spent.fill(0);
    const now = this.#now();
    const begun = this.#next?.begun ?? now;
    this.#next = { epoch, keys, waiting: new Set(present.map(({ ref }) => ref)), begun };
    this.#tellKids(); // before the wraps: on the same wire, so the gate knows the KIDs before anybody can acknowledge
    present.forEach(({ ref }, n) => this.#send(ref, wraps[n] ?? ""));
    if (!present.length) return this.#switch();
    const wait = Math.min(begun + PATIENCE_ALL_MS, now + PATIENCE_MS) - now;
    this.#later(wait, () => void this.#queue(() => (this.#next?.epoch === epoch ? this.#switch() : undefined), ""));
  }

  async #retry() {
    this.#retrying = false;
    await this.#rotate(this.#held);
  }

  #switch() {
    if (!this.#next || !this.#current) return;
    this.#spent[this.#current.epoch % EPOCHS] = this.#now();
    const { epoch, keys, waiting } = this.#next;
    this.#current = { epoch, keys };
    this.#next = null;
    this.#held = false;
    for (const ref of waiting) {
      const peer = this.#peers.get(ref);
      if (peer) peer.dark = true;
      this.#post({ k: "dark", ref });
    }
  }

  /** @param {Peer} peer @param {Pair} pair @param {Record<string, unknown>} words */
  async #ack(peer, pair, words) {
    const epoch = await pair.acked(words, this.#index, peer.index);
    if (epoch > (this.#next ?? this.#current ?? { epoch: -1 }).epoch) throw new NotHeld("mac"); // of a key that does not exist
    peer.acked = Math.max(peer.acked, epoch);
    if (this.#next?.epoch === epoch && this.#next.waiting.delete(peer.ref) && !this.#next.waiting.size) this.#switch();
    this.#confirm(peer);
  }

  /** @param {Peer} peer */
  #confirm(peer) {
    const newest = (this.#next ?? this.#current)?.epoch;
    if (peer.epoch < 0 || peer.acked !== newest || (peer.confirmed && !peer.dark)) return;
    peer.confirmed = true;
    peer.dark = false;
    this.#post({ k: "confirmed", ref: peer.ref });
  }

  // -- their keys -----------------------------------------------------------------------------------------------------------------

  /** @param {Peer} peer @param {Pair} pair @param {Record<string, unknown>} words */
  async #wrap(peer, pair, words) {
    const { epoch, base, copy } = await pair.unwrap(words, peer.index, this.#index);
    if (epoch < peer.epoch) throw new NotHeld("wrap"); // an epoch that is over does not come back
    if (epoch > peer.epoch) await this.#install(peer, epoch, base, copy);
    for (const spent of [base, copy]) spent.fill(0); // the same epoch again: its keys stay, with what they have opened; only the ack was lost
    this.#send(peer.ref, await pair.ack(peer.index, this.#index, epoch));
    this.#confirm(peer);
  }

  /** @param {Peer} peer @param {number} epoch @param {import("./types.js").Bytes} base @param {import("./types.js").Bytes} copy */
  async #install(peer, epoch, base, copy) {
    const keys = await Promise.all(KINDS.map((kind) => OpeningKey.from(base, kidOf(peer.index, epoch, kind))));
    keys.push(await OpeningKey.from(copy, copyKidOf(this.#index, peer.index, epoch)));
    const until = this.#now() + OLD_KEY_ALL_MS;
    for (const opening of this.#opening.values()) if (opening.ref === peer.ref) opening.until = Math.min(opening.until, until);
    for (const key of keys) this.#opening.set(key.kid, { ref: peer.ref, epoch, key, until: Infinity });
    peer.epoch = epoch;
    this.#later(OLD_KEY_ALL_MS, () => this.#sweep());
    for (const stream of this.#incoming.values()) {
      if (stream.index === peer.index && stream.needKey) this.#askNow(stream);
    }
  }

  #sweep() {
    for (const [kid, opening] of this.#opening) if (opening.until <= this.#now()) this.#opening.delete(kid);
  }

  /** The newer has opened something: the older have five seconds left. @param {Opening} newer */
  #outdate(newer) {
    for (const opening of this.#opening.values()) {
      if (opening.ref !== newer.ref || opening.epoch >= newer.epoch) continue;
      const until = this.#now() + OLD_KEY_MS;
      if (until >= opening.until) continue;
      opening.until = until;
      this.#later(OLD_KEY_MS, () => this.#sweep());
    }
  }

  // -- frames -------------------------------------------------------------------------------------------------------------------------

  /** @param {Record<string, number>} counts @param {string} name */
  #count(counts, name) {
    counts[name] = (counts[name] ?? 0) + 1;
  }

  /** @param {unknown} fault @returns {false} */
  #drop(fault) {
    this.#count(this.#numbers.dropped, typeof fault === "string" ? fault : fault instanceof Dropped ? fault.why : "fault");
    return false;
  }

  /** Pictures go out on this section, to this one person or to all. @param {Pick<Stream, "mid" | "index">} options */
  outgoing({ mid, index }) {
    if (index === null) return;
    const was = this.#outgoing.get(mid) ?? index;
    this.#outgoing.set(mid, was === index ? index : "nobody");
  }

  /** What a frame that goes out here is sealed with; nothing: it does not go out. @param {Kind} kind @param {string} mid @returns {SealingKey | null | undefined} */
  #keyFor(kind, mid) {
    if (this.#held || !this.#current) return null;
    const { keys } = this.#current;
    const to = kind === "audio" ? "all" : this.#outgoing.get(mid);
    if (to === "all") return keys[kind];
    return typeof to === "number" ? keys.copies.get(to) ?? this.#lone : null;
  }

  /**
   * Seal a frame in place. Only `true` lets it out.
   * @param {Kind} kind @param {Frame} frame @param {string} mid on which it goes out @returns {Promise<boolean>}
   */
  async seal(kind, frame, mid) {
    try {
      if (kind !== "audio" && kind !== "video") return this.#drop("kind");
      this.#numbers.came[kind]++;
      const key = this.#keyFor(kind, mid);
      if (!key) return this.#drop("no_key");
      if (!frame.data.byteLength) return this.#drop("empty");
      const sealed = await sealFrame(key, kind, frame.type === "key", new Uint8Array(frame.data));
      if (this.#ended) return this.#drop("ended");
      frame.data = sealed.buffer;
      this.#numbers.sent[kind]++;
      this.#numbers.bytes[kind] += sealed.length;
      if (!this.#sealedOn.has(mid)) this.#post({ k: "sealed", kind, mid });
      this.#sealedOn.add(mid);
      return true;
    } catch (fault) {
      return this.#drop(fault);
    }
  }

  /**
   * A receiving stream begins.
   * @param {Stream} options @param {() => void} ask asks the sender for a key picture
   */
  incoming({ kind, mid, index }, ask) {
    const known = this.#incoming.get(mid);
    this.#incoming.set(mid, { kind, index: known ? known.index : sole(index), told: false, needKey: false, asked: -Infinity, ask });
  }

  /** Whose frames this stream may pass, from now on; and for whom alone what goes out there is. @param {string} mid @param {Whose} whose */
  #claim(mid, whose) {
    this.outgoing({ mid, index: whose });
    const stream = this.#incoming.get(mid);
    const index = sole(whose);
    if (stream) Object.assign(stream, { index, told: false });
    else this.#incoming.set(mid, { kind: "audio", index, told: false, needKey: false, asked: -Infinity, ask: () => {} });
  }

  /**
   * Open a frame in place. Only `true` lets it in.
   * @param {string} mid @param {Frame} frame @returns {Promise<boolean>}
   */
  async open(mid, frame) {
    const stream = this.#incoming.get(mid);
    if (!stream) return this.#drop("no_stream");
    this.#count(this.#numbers.arrived, mid);
    if (!frame.data.byteLength) return this.#drop("empty"); // padding, with which Chromium measures the way
    let whole = false;
    let through = false;
    try {
      const look = lookAtFrame(stream.kind, new Uint8Array(frame.data));
      whole = look.whole;
      through = await this.#open(stream, mid, frame, look);
    } catch (fault) {
      this.#drop(fault);
    }
    if (!through) this.#count(this.#numbers.refused, mid);
    if (stream.kind === "video") {
      if (!through) stream.needKey = true;
      else if (whole) stream.needKey = false;
      if (stream.needKey && this.#now() - stream.asked >= ASK_MS) this.#askNow(stream);
    }
    return through;
  }

  /** @param {Incoming} stream @param {string} mid @param {Frame} frame @param {ReturnType<typeof lookAtFrame>} look */
  async #open(stream, mid, frame, { kid, index: sender, viewer, metadata, sealed, header }) {
    const { kind, index } = stream;
    if (index === null || sender !== index) return this.#drop("wrong_sender"); // the name comes from the key, never from the slot
    if (viewer !== null && viewer !== this.#index) return this.#drop("wrong_viewer"); // made for somebody else: there is no key for it here
    if ((kid & 1) !== (kind === "video" ? 1 : 0)) return this.#drop("wrong_kind");
    const opening = this.#opening.get(kid);
    if (!opening || opening.until <= this.#now()) return this.#drop("no_key");
    const plain = await opening.key.open(sealed, header, metadata);
    if (this.#ended || this.#opening.get(kid) !== opening || stream.index !== index) return this.#drop("no_key"); // left meanwhile
    this.#outdate(opening);
    frame.data = plain.buffer;
    this.#count(this.#numbers.opened, mid);
    if (!stream.told) this.#post({ k: "opened", mid, kind, index });
    stream.told = true;
    return true;
  }

  /** @param {Incoming} stream */
  #askNow(stream) {
    stream.asked = this.#now();
    stream.ask();
  }
}
