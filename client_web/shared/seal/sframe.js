/**
 * SFrame (RFC 9605), cipher suite 0x0004 AES_128_GCM_SHA256_128, and how a frame of ours lies on the wire. Pure: no page, no
 * worker, no clock; the same file runs in Node, where the RFC's own vectors and the second implementation (server/inspection/sealing.py)
 * are held against it.
 *
 *     video:  type byte (0 key picture, 1 picture built on others) | SFrame header | ciphertext | 16-byte tag
 *     sound:                                                         SFrame header | ciphertext | 16-byte tag
 *
 * The type byte is the RFC's "metadata": readable by the gate, which needs it to switch layers, but bound by the tag.
 * A KID is one byte: who sends (index in the call) << 4 | epoch modulo 8 << 1 | kind (0 sound, 1 picture). That of a picture made
 * for one viewer alone has a byte more before it, 16 + that viewer's index; its key is known to the two of them and to nobody else.
 *
 * Two promises are kept in this file. No nonce is used twice: a counter lives beside its key, is taken before anything is
 * awaited, and has a hard stop. Nothing opens twice: each key has a window of what it has opened.
 */

/** @typedef {import("./types.js").Kind} Kind */
/** @typedef {import("./types.js").Bytes} Bytes */

const SUITE = 0x0004;
const NK = 16;
const NN = 12;
export const TAG = 16;
/** How far behind the newest a frame may come in. 7 of 156 pictures came out of order at 5 % loss; layers share one counter. */
export const WINDOW = 1024;
/** The counter that is never used. AES-GCM allows 2^32 frames under one key; at 50 a second this is 497 days. */
export const LAST_COUNTER = 2 ** 31;

/** Why a frame is not let through; the names are counted in the statistics and never change. */
export class Dropped extends Error {
  /** @param {"counter" | "short" | "header" | "type" | "replay" | "tag"} why */
  constructor(why) {
    super(why);
    this.name = "Dropped";
    this.why = why;
  }
}

/** @param {bigint} value @returns {number[]} big-endian, as few bytes as it takes, at least one */
function shortest(value) {
  const bytes = [];
  for (let rest = value; rest > 0n || !bytes.length; rest >>= 8n) bytes.unshift(Number(rest & 255n));
  return bytes;
}

/** @param {bigint} value @param {number} length @returns {number[]} */
const wide = (value, length) => Array.from({ length }, (_, n) => Number((value >> BigInt(8 * (length - 1 - n))) & 255n));

/**
 * RFC 9605 - 4.3.
 * @param {number | bigint} kid @param {number | bigint} ctr @returns {Bytes}
 */
export function encodeHeader(kid, ctr) {
  const [k, c] = [BigInt(kid), BigInt(ctr)];
  const kidBytes = k < 8n ? [] : shortest(k);
  const ctrBytes = c < 8n ? [] : shortest(c);
  const config = (kidBytes.length ? 0x80 | ((kidBytes.length - 1) << 4) : Number(k) << 4)
    | (ctrBytes.length ? 0x08 | (ctrBytes.length - 1) : Number(c));
  return Uint8Array.of(config, ...kidBytes, ...ctrBytes);
}

/**
 * The header at the beginning of these bytes. Only the shortest form is taken, so that every header has one form.
 * @param {Uint8Array} bytes
 * @returns {{kid: bigint, ctr: bigint, length: number}}
 */
export function decodeHeader(bytes) {
  const config = bytes[0];
  if (config === undefined) throw new Dropped("short");
  let at = 1;
  /** @param {number} three the bits of the config byte @param {boolean} more they are a length */
  const field = (three, more) => {
    if (!more) return BigInt(three);
    const part = bytes.subarray(at, (at += three + 1));
    if (part.length < three + 1) throw new Dropped("short");
    const value = part.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    if (value < 8n || part[0] === 0) throw new Dropped("header");
    return value;
  };
  const kid = field((config >> 4) & 7, (config & 0x80) !== 0);
  const ctr = field(config & 7, (config & 0x08) !== 0);
  return { kid, ctr, length: at };
}

/**
 * RFC 9605 - 4.4.2. The bytes themselves: for the vectors. Everything else uses `secret`, which keeps no bytes.
 * @param {Bytes} base @param {number | bigint} kid @returns {Promise<{key: Bytes, salt: Bytes}>}
 */
export async function derive(base, kid) {
  const from = await crypto.subtle.importKey("raw", base, "HKDF", false, ["deriveBits"]);
  /** @param {string} label @param {number} length */
  const expand = async (label, length) => {
    const info = Uint8Array.of(...new TextEncoder().encode(label), ...wide(BigInt(kid), 8), SUITE >> 8, SUITE & 255);
    const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info };
    return new Uint8Array(await crypto.subtle.deriveBits(how, from, 8 * length));
  };
  return { key: await expand("SFrame 1.0 Secret key ", NK), salt: await expand("SFrame 1.0 Secret salt ", NN) };
}

/** @param {Bytes} base @param {number | bigint} kid @param {KeyUsage} use @returns {Promise<{key: CryptoKey, salt: Bytes}>} */
async function secret(base, kid, use) {
  const { key, salt } = await derive(base, kid);
  const held = await crypto.subtle.importKey("raw", key, "AES-GCM", false, [use]);
  key.fill(0);
  return { key: held, salt };
}

/** RFC 9605 - 4.4.3: the salt, with the counter laid over its end. @param {Bytes} salt @param {bigint} ctr @returns {Bytes} */
function nonceOf(salt, ctr) {
  const over = wide(ctr, NN);
  return salt.map((byte, n) => byte ^ (over[n] ?? 0));
}

/** @param {...Uint8Array} parts @returns {Bytes} */
export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A key that seals. Its counter goes one way only and nobody can set it back: a new beginning is a new key. */
export class SealingKey {
  #key;
  #salt;
  #next;
  /** @param {number} kid @param {{key: CryptoKey, salt: Bytes}} secret @param {bigint} first */
  constructor(kid, { key, salt }, first) {
    this.kid = kid;
    this.#key = key;
    this.#salt = salt;
    this.#next = first;
  }

  /** @param {Bytes} base @param {number} kid @param {number | bigint} [first] counter to begin with; only tests have a reason */
  static async from(base, kid, first = 0) {
    return new SealingKey(kid, await secret(base, kid, "encrypt"), BigInt(first));
  }

  /** @param {Bytes} plain @param {Bytes} metadata @returns {Promise<Bytes>} header, ciphertext, tag */
  async seal(plain, metadata) {
    if (this.#next >= BigInt(LAST_COUNTER)) throw new Dropped("counter");
    const ctr = this.#next++;
    const header = encodeHeader(this.kid, ctr);
    const how = { name: "AES-GCM", iv: nonceOf(this.#salt, ctr), additionalData: joined(header, metadata), tagLength: 8 * TAG };
    return joined(header, new Uint8Array(await crypto.subtle.encrypt(how, this.#key, plain)));
  }
}

/** A key that opens, and what it has opened already. */
export class OpeningKey {
  #key;
  #salt;
  #newest = -1n;
  #seen = new Uint8Array(WINDOW);
  /** @param {number} kid @param {{key: CryptoKey, salt: Bytes}} secret */
  constructor(kid, { key, salt }) {
    this.kid = kid;
    this.#key = key;
    this.#salt = salt;
  }

  /** @param {Bytes} base @param {number} kid */
  static async from(base, kid) {
    return new OpeningKey(kid, await secret(base, kid, "decrypt"));
  }

  /** @param {bigint} ctr */
  #fresh(ctr) {
    return ctr > this.#newest || (ctr > this.#newest - BigInt(WINDOW) && !this.#seen[Number(ctr % BigInt(WINDOW))]);
  }

  /** @param {bigint} ctr */
  #note(ctr) {
    if (ctr - this.#newest >= BigInt(WINDOW)) this.#seen.fill(0);
    else for (let between = this.#newest + 1n; between < ctr; between++) this.#seen[Number(between % BigInt(WINDOW))] = 0;
    this.#seen[Number(ctr % BigInt(WINDOW))] = 1;
    if (ctr > this.#newest) this.#newest = ctr;
  }

  /**
   * Open bytes whose header was read. Only what the tag proves moves the window, so that a forger cannot.
   * @param {Bytes} sealed @param {{ctr: bigint, length: number}} header @param {Bytes} metadata @returns {Promise<Bytes>}
   */
  async open(sealed, { ctr, length }, metadata) {
    if (sealed.length < length + TAG) throw new Dropped("short");
    if (!this.#fresh(ctr)) throw new Dropped("replay");
    const additionalData = joined(sealed.subarray(0, length), metadata);
    const how = { name: "AES-GCM", iv: nonceOf(this.#salt, ctr), additionalData, tagLength: 8 * TAG };
    const plain = await crypto.subtle.decrypt(how, this.#key, sealed.subarray(length)).catch(() => {
      throw new Dropped("tag");
    });
    if (!this.#fresh(ctr)) throw new Dropped("replay"); // the same frame was being opened twice at once
    this.#note(ctr);
    return new Uint8Array(plain);
  }
}

// -- frames of a call ---------------------------------------------------------------------------------------------------

/** Epochs that can be told apart on the wire. */
export const EPOCHS = 8;
/** Senders that can be told apart on the wire. */
export const SENDERS = 16;

/** @param {number} index @param {number} epoch @param {Kind} kind */
export const kidOf = (index, epoch, kind) => (index << 4) | ((epoch % EPOCHS) << 1) | (kind === "video" ? 1 : 0);

/** Of a picture that is made for one viewer alone. @param {number} viewer @param {number} index @param {number} epoch */
export const copyKidOf = (viewer, index, epoch) => 0x1000 | (viewer << 8) | kidOf(index, epoch, "video");

const NOTHING = new Uint8Array(0);

/** @param {SealingKey} key @param {Kind} kind @param {boolean} whole a key picture @param {Bytes} plain @returns {Promise<Bytes>} */
export async function sealFrame(key, kind, whole, plain) {
  if (kind === "audio") return key.seal(plain, NOTHING);
  const type = Uint8Array.of(whole ? 0 : 1);
  return joined(type, await key.seal(plain, type));
}

/**
 * Read what is readable of a frame, without any key. `viewer`: for whom alone it was sealed; null: for everybody.
 * @param {Kind} kind @param {Bytes} frame
 * @returns {{kid: number, index: number, viewer: number | null, whole: boolean, metadata: Bytes, sealed: Bytes, header: {ctr: bigint, length: number}}}
 */
export function lookAtFrame(kind, frame) {
  const clear = kind === "video" ? 1 : 0;
  const metadata = frame.subarray(0, clear);
  if (frame.length < clear + 1 + TAG) throw new Dropped("short");
  if (clear && frame[0] !== 0 && frame[0] !== 1) throw new Dropped("type");
  const sealed = frame.subarray(clear);
  const header = decodeHeader(sealed);
  const kid = Number(header.kid);
  if (kid > 0xff && kid >> 12 !== 1) throw new Dropped("header");
  const [index, viewer] = [(kid >> 4) & 15, kid > 0xff ? (kid >> 8) & 15 : null];
  return { kid, index, viewer, whole: clear === 1 && frame[0] === 0, metadata, sealed, header };
}
