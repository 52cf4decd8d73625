/**
 * What people sign outside of calls, with the identity of the browser they sit at: a *statement*; and what a device makes of the
 * statements that a server hands to it. Pure, as `agree.js`.
 *
 *     {"v": 1, "t": "roster", "contact", "side", "devices": [keys], "guardian": key, "serial", "at"}
 *     {"v": 1, "t": "knows", "contact", "side", "key", "checked", "guardian": key, "at"}
 *
 * A device believes another one when it stands in a *roster*, signed by the grown-up who signed the first roster that it met. Another
 * signature counts only after this device's own grown-up has signed that they know it (`knows`): no child says that yes alone.
 *
 * A statement travels as `{"m": text, "s": signature}`. The signature covers `ringfence statement`, a line feed and the exact text
 * of `m`, so that no statement can be taken for a hello, which is signed bare, and no hello for a statement.
 */

import { b64, LONGEST_BODY, NotHeld, unb64 } from "./agree.js";

/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Met} Met */
/** @typedef {{devices: string[], guardian: string, serial: number}} Roster */
/** @typedef {{key: string, checked: boolean, guardian: string, at: number}} Knows */

/** Devices in one roster. */
const MOST_DEVICES = 32;

/** @param {string} text @returns {import("./types.js").Bytes} */
const signedBytes = (text) => Uint8Array.from(new TextEncoder().encode(`ringfence statement\n${text}`));

/** A signature over a statement's text. @param {CryptoKeyPair} identity @param {string} text */
export async function signStatement(identity, text) {
  if (typeof text !== "string" || text.length > LONGEST_BODY) throw new NotHeld("shape");
  return b64(await crypto.subtle.sign("Ed25519", identity.privateKey, signedBytes(text)));
}

/** Whether this identity signed this text. @param {string} id @param {string} text @param {string} signature */
export async function verifyStatement(id, text, signature) {
  try {
    const key = await crypto.subtle.importKey("raw", unb64(id, 32), "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, unb64(signature, 64), signedBytes(text));
  } catch {
    return false; // not a key, or not a signature
  }
}

/** A statement's own words, once its `guardian` is seen to have signed it. @param {string} body @returns {Promise<Record<string, any>>} */
async function heard(body) {
  const { m, s } = plain(body);
  const words = plain(m);
  if (words.v !== 1) throw new NotHeld("version");
  if (!(await verifyStatement(words.guardian, m, s))) throw new NotHeld("signature");
  return words;
}

/** @param {unknown} text @returns {Record<string, any>} */
function plain(text) {
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

/** @param {string} body @param {{contact: string, side: string}} of @returns {Promise<Roster>} */
export async function readRoster(body, { contact, side }) {
  const { t, devices, guardian, serial, ...words } = await heard(body);
  if (t !== "roster" || !isCount(serial) || !Array.isArray(devices) || devices.length > MOST_DEVICES) throw new NotHeld("shape");
  for (const key of devices) unb64(key, 32);
  if (words.contact !== contact || words.side !== side) throw new NotHeld("contact");
  return { devices, guardian, serial };
}

/** @param {string} body @param {{contact: string, side: string}} of @returns {Promise<Knows>} */
export async function readKnows(body, { contact, side }) {
  const { t, key, checked, guardian, at, ...words } = await heard(body);
  if (t !== "knows" || !isCount(at) || typeof checked !== "boolean") throw new NotHeld("shape");
  unb64(key, 32);
  if (words.contact !== contact || words.side !== side) throw new NotHeld("contact");
  return { key, checked, guardian, at };
}

/**
 * Whether a device may talk. What is newer than what was met is remembered also when it says no to this device.
 *
 * @param {{entry: Entry, met: Met | undefined, own: string, mine: string, id: string}} what `own`: whose `knows` counts here; `mine`: the
 *   device that asks; `id`: the one that it asks about
 * @returns {Promise<{why: "" | import("./agree.js").Why, met: Met | undefined}>} `why`: empty when it may; `met`: to be remembered
 */
export async function judge({ entry, met, own, mine, id }) {
  const { contact, side } = entry;
  const same = !met || (met.contact === contact && met.side === side);
  const known = entry.knows === null || !same ? null : await readKnows(entry.knows, entry).catch(() => null);
  const yes = known?.guardian === own && known.at > (met?.at ?? -1) ? known : null;
  // A yes of our own grown-up says who it is, and stays, whatever else was handed out with it: leaving it out the next time undoes
  // nothing. Without one it is whoever it was, or, the first time, whoever it is.
  const held = yes ? { contact, side, guardian: yes.key, serial: met?.serial ?? 0, at: yes.at } : met;
  /** @param {import("./agree.js").Why} why */
  const no = (why) => ({ why, met: held });
  if (entry.roster === null) return no("none");
  if (!same) return no("contact");
  try {
    const roster = await readRoster(entry.roster, entry);
    if (held && roster.guardian !== held.guardian) return no("guardian");
    if (held && roster.serial < held.serial) return no("serial");
    if (roster.devices.includes(mine)) return no("mine");
    const fine = roster.devices.includes(id);
    const now = { contact, side, guardian: roster.guardian, serial: roster.serial, at: held?.at ?? -1 };
    return { why: fine ? "" : "device", met: fine || held ? now : undefined };
  } catch (fault) {
    return no(fault instanceof NotHeld ? fault.why : "shape");
  }
}
