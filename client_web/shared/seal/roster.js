/**
 * What people sign outside of calls, with the identity of the browser they sit at: a *statement*. Pure, as `agree.js`.
 *
 * A statement travels as `{"m": text, "s": signature}`. The signature covers `ringfence statement`, a line feed and the exact text
 * of `m`, so that no statement can be taken for a hello, which is signed bare, and no hello for a statement.
 */

import { b64, LONGEST_BODY, NotHeld, unb64 } from "./agree.js";

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
