/**
 * How two devices come to share keys through a server that must not learn them. Pure: no page, no worker, no clock of its own.
 *
 * Each device has an identity for years (Ed25519) and a new pair for every page and call (X25519). A *hello* carries the second,
 * signed by the first. Two hellos make the pair's keys: Diffie-Hellman of the two new halves, through HKDF, bound to the exact
 * text of both hellos. Under these a sender *wraps* for one receiver the key of the frames that go to all and the key of those that
 * go to this one alone, and the receiver answers with an *ack* that only the two can make. What is signed or bound is always the exact text that travelled, never a text made again from its
 * parts.
 *
 * Direction, call and epoch are bound into every key: a wrap sent back to its maker, carried to another call or kept for a
 * later epoch does not open. `server/inspection/sealing.py` is the same once more in Python; the two are run against each other.
 *
 * The picture code of two identities (`commit`, `open`, `pictures`) is here too; `compare.js` keeps its order.
 */

import { joined, TAG } from "./sframe.js";

/** @typedef {import("./types.js").Bytes} Bytes */
/** @typedef {{v: number, t: string, call: string, index: number, eph: string, id: string, nonce: string, exp: number}} HelloWords */
/** @typedef {{text: string, index: number, eph: string, id: string}} Hello a hello that held */

/** How long a hello may be used. The promise does not rest on it (a replayed one has a dead half); a late joiner needs a long one. */
export const HELLO_LIFE_MS = 24 * 3_600_000;
/** How far a device's clock may be wrong, either way. */
const CLOCK_MS = 24 * 3_600_000;
/** No body is longer; the server refuses one that is. */
export const LONGEST_BODY = 4096;

/** Bytes of a base key. */
export const BASE = 16;

/** @typedef {"shape" | "version" | "signature" | "call" | "index" | "expired" | "mine" | "from" | "to" | "wrap" | "mac" | "commitment"
 *   | "none" | "contact" | "serial" | "guardian" | "device"} Why */

/** It does not hold. `why` is a code that never changes. */
export class NotHeld extends Error {
  /** @param {Why} why */
  constructor(why) {
    super(why);
    this.name = "NotHeld";
    this.why = why;
  }
}

/** @param {string} text @returns {Bytes} */
const utf8 = (text) => Uint8Array.from(new TextEncoder().encode(text));

/** Base64url without padding. @param {ArrayBuffer | Uint8Array} bytes */
export function b64(bytes) {
  const text = String.fromCharCode(...(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Only the one right way to write these bytes is read. @param {unknown} text @param {number} [length] @returns {Bytes} */
export function unb64(text, length) {
  if (typeof text !== "string" || !/^[\w-]*$/.test(text) || text.length % 4 === 1) throw new NotHeld("shape");
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
  if ((length !== undefined && bytes.length !== length) || b64(bytes) !== text) throw new NotHeld("shape");
  return bytes;
}

/** @param {string} text @returns {Record<string, unknown>} */
function record(text) {
  try {
    const read = typeof text === "string" && text.length <= LONGEST_BODY ? JSON.parse(text) : null;
    if (read && typeof read === "object" && !Array.isArray(read)) return read;
  } catch {
    // told below
  }
  throw new NotHeld("shape");
}

/** @param {unknown} value @returns {value is number} */
const isCount = (value) => Number.isSafeInteger(value) && Number(value) >= 0;

/** @param {number} length @returns {Bytes} */
export const chance = (length) => crypto.getRandomValues(new Uint8Array(length));

/** A device's long-lived pair. Its private half cannot be exported. */
export const makeIdentity = async () =>
  /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]));

/** A call's pair, never stored. */
export const makeHalf = async () =>
  /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("X25519", false, ["deriveBits"]));

/** The public half, as it is written. @param {CryptoKeyPair} pair */
export const publicOf = async (pair) => b64(await crypto.subtle.exportKey("raw", pair.publicKey));

// -- hello ------------------------------------------------------------------------------------------------------------------

/**
 * @param {{identity: CryptoKeyPair, half: CryptoKeyPair, call: string, index: number, now: number}} what
 * @returns {Promise<{body: string, hello: Hello}>}
 */
export async function makeHello({ identity, half, call, index, now }) {
  const [eph, id] = [await publicOf(half), await publicOf(identity)];
  const text = JSON.stringify({ v: 1, t: "hello", call, index, eph, id, nonce: b64(chance(16)), exp: now + HELLO_LIFE_MS });
  const signature = await crypto.subtle.sign("Ed25519", identity.privateKey, utf8(text));
  return { body: JSON.stringify({ m: text, s: b64(signature) }), hello: { text, index, eph, id } };
}

/**
 * Somebody's hello, if it holds for this call and this place in it.
 * @param {string} body @param {{call: string, index: number, now: number, mine: Hello}} expected
 * @returns {Promise<Hello>}
 */
export async function readHello(body, { call, index, now, mine }) {
  const { m: text, s } = record(body);
  if (typeof text !== "string") throw new NotHeld("shape");
  const words = /** @type {HelloWords} */ (/** @type {unknown} */ (record(text)));
  if (words.v !== 1) throw new NotHeld("version");
  if (words.t !== "hello" || !isCount(words.exp)) throw new NotHeld("shape");
  const [id, signature] = [unb64(words.id, 32), unb64(s, 64)];
  unb64(words.eph, 32);
  unb64(words.nonce, 16);
  const key = await crypto.subtle.importKey("raw", id, "Ed25519", false, ["verify"]).catch(() => {
    throw new NotHeld("signature");
  });
  if (!(await crypto.subtle.verify("Ed25519", key, signature, utf8(text)))) throw new NotHeld("signature");
  if (words.call !== call) throw new NotHeld("call");
  if (words.index !== index) throw new NotHeld("index");
  if (words.id === mine.id || words.eph === mine.eph || index === mine.index) throw new NotHeld("mine");
  if (words.exp < now - CLOCK_MS || words.exp > now + HELLO_LIFE_MS + CLOCK_MS) throw new NotHeld("expired");
  return { text, index, eph: words.eph, id: words.id };
}

// -- the keys of two ---------------------------------------------------------------------------------------------------------

/** What two devices share, for each direction. */
export class Pair {
  #from;
  #salt;
  #call;
  /** @param {CryptoKey} from @param {Bytes} salt @param {string} call */
  constructor(from, salt, call) {
    this.#from = from;
    this.#salt = salt;
    this.#call = call;
  }

  /** @param {CryptoKeyPair} half mine @param {Hello} mine @param {Hello} theirs @param {string} call */
  static async of(half, mine, theirs, call) {
    const other = await crypto.subtle.importKey("raw", unb64(theirs.eph, 32), "X25519", false, []);
    const shared = new Uint8Array(
      await crypto.subtle.deriveBits({ name: "X25519", public: other }, half.privateKey, 256).catch(() => {
        throw new NotHeld("shape"); // a point of small order: everybody would know the result
      }),
    );
    if (shared.every((byte) => byte === 0)) throw new NotHeld("shape"); // RFC 7748 - 6.1, for engines that do not look
    const from = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
    shared.fill(0);
    const both = [mine.text, theirs.text].sort().join("\n");
    return new Pair(from, new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(both))), call);
  }

  /** @param {string} what @param {number} i @param {number} j */
  #how(what, i, j) {
    return { name: "HKDF", hash: "SHA-256", salt: this.#salt, info: utf8(`ringfence ${what}|${this.#call}|${i}|${j}`) };
  }

  /** @param {number} i @param {number} j @param {KeyUsage} use */
  #kek(i, j, use) {
    return crypto.subtle.deriveKey(this.#how("wrap", i, j), this.#from, { name: "AES-GCM", length: 256 }, false, [use]);
  }

  /** @param {number} i @param {number} j @param {KeyUsage} use */
  #ackKey(i, j, use) {
    const kind = { name: "HMAC", hash: "SHA-256", length: 256 };
    return crypto.subtle.deriveKey(this.#how("ack", i, j), this.#from, kind, false, [use]);
  }

  /**
   * The base keys of i for j: of what everybody gets, and of the pictures that are made for j alone.
   * @param {number} i @param {number} j @param {number} epoch @param {Bytes} base @param {Bytes} copy
   */
  async wrap(i, j, epoch, base, copy) {
    const iv = chance(12);
    const how = { name: "AES-GCM", iv, additionalData: utf8(`${this.#call}|${i}|${j}|${epoch}`) };
    const both = joined(base, copy);
    const key = await crypto.subtle.encrypt(how, await this.#kek(i, j, "encrypt"), both);
    both.fill(0);
    return JSON.stringify({ t: "wrap", call: this.#call, from: i, to: j, epoch, iv: b64(iv), key: b64(key) });
  }

  /** What i wrapped for j. @param {Record<string, unknown>} words @param {number} i @param {number} j @returns {Promise<{epoch: number, base: Bytes, copy: Bytes}>} */
  async unwrap(words, i, j) {
    const epoch = this.#fits(words, i, j);
    const [iv, key] = [unb64(words.iv, 12), unb64(words.key, 2 * BASE + TAG)];
    const how = { name: "AES-GCM", iv, additionalData: utf8(`${this.#call}|${i}|${j}|${epoch}`) };
    const both = await crypto.subtle.decrypt(how, await this.#kek(i, j, "decrypt"), key).catch(() => {
      throw new NotHeld("wrap");
    });
    return { epoch, base: new Uint8Array(both, 0, BASE), copy: new Uint8Array(both, BASE) };
  }

  /** "I hold what i wrapped for me, j." @param {number} i @param {number} j @param {number} epoch */
  async ack(i, j, epoch) {
    const mac = await crypto.subtle.sign("HMAC", await this.#ackKey(i, j, "sign"), utf8(`ack|${this.#call}|${i}|${j}|${epoch}`));
    return JSON.stringify({ t: "ack", call: this.#call, from: j, to: i, epoch, mac: b64(mac) });
  }

  /** The epoch that j says to hold of i's. @param {Record<string, unknown>} words @param {number} i @param {number} j */
  async acked(words, i, j) {
    const epoch = this.#fits(words, j, i);
    const text = utf8(`ack|${this.#call}|${i}|${j}|${epoch}`);
    if (!(await crypto.subtle.verify("HMAC", await this.#ackKey(i, j, "verify"), unb64(words.mac, 32), text))) throw new NotHeld("mac");
    return epoch;
  }

  /** @param {Record<string, unknown>} words @param {number} from @param {number} to */
  #fits(words, from, to) {
    if (words.call !== this.#call) throw new NotHeld("call");
    if (words.from !== from) throw new NotHeld("from");
    if (words.to !== to) throw new NotHeld("to");
    if (!isCount(words.epoch)) throw new NotHeld("shape");
    return words.epoch;
  }
}

/**
 * A body that came through the server, read as far as its kind.
 * @param {string} body @returns {{t: "hello" | "wrap" | "ack", words: Record<string, unknown>}}
 */
export function readBody(body) {
  const words = record(body);
  if ("m" in words) return { t: "hello", words };
  if (words.t === "wrap" || words.t === "ack") return { t: words.t, words };
  throw new NotHeld("shape");
}

// -- the picture code ----------------------------------------------------------------------------------------------------------

/**
 * Two people compare five pictures, to be sure that no key was swapped between their devices. A short code over the two keys
 * alone is worth nothing: who sits between them tries keys until both sides show the same (30 bits took 4.8 seconds). So
 * one device *commits* to its key and a random number before it knows the other's; then nobody can try: one chance in 2^30.
 *
 *     A → B   commit(A's key, random A)
 *     B → A   B's key, random B
 *     A → B   A's key, random A              B: open(...) or stop
 *     both    pictures(A's key, random A, B's key, random B)
 */
const PICTURES = 64;
const SHOWN = 5;

/** @param {string} label @param {...Bytes} parts @returns {Promise<Bytes>} */
const digest = async (label, ...parts) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", joined(utf8(`ringfence ${label}\n`), ...parts)));

/** @param {string} id @param {string} random 32 bytes @returns {Promise<string>} */
export const commit = async (id, random) => b64(await digest("commit", unb64(id, 32), unb64(random, 32)));

/** The one that committed has opened: it must be what it committed to. @param {string} commitment @param {string} id @param {string} random */
export async function open(commitment, id, random) {
  if ((await commit(id, random)) !== commitment) throw new NotHeld("commitment");
}

/**
 * Five numbers below 64. The one who committed comes first.
 * @param {string} first @param {string} firstRandom @param {string} second @param {string} secondRandom
 * @returns {Promise<number[]>}
 */
export async function pictures(first, firstRandom, second, secondRandom) {
  const parts = [first, firstRandom, second, secondRandom].map((text) => unb64(text, 32));
  const bits = (await digest("pictures", ...parts)).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return Array.from({ length: SHOWN }, (_, n) => Number((bits >> BigInt(256 - 6 * (n + 1))) % BigInt(PICTURES)));
}
