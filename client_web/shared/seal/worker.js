/**
 * The worker that alone holds keys: the thin rim around `session.js`. It gives the session a clock, this device's store, and the
 * browser's encoded frames; and it passes messages. The page gets numbers and public halves, never a key.
 *
 * A frame goes on only when the session said `true` for exactly this frame. There is no way round: no message, no option and no
 * fault makes a frame pass as it is. `transform` returns its promise, so frames of one stream stay in order.
 */

import { b64, makeIdentity } from "./agree.js";
import { Session } from "./session.js";

/** @typedef {import("./types.js").Told} Told */
/** @typedef {import("./types.js").Said} Said */
/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Vault} Vault */

/** @typedef {{postMessage(said: Said): void, addEventListener(name: string, heard: (event: any) => void): void}} Here */
const here = /** @type {Here} */ (/** @type {unknown} */ (self)); // the library of workers and that of pages do not go together

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("store"));
  });

/** @returns {Promise<IDBDatabase>} */
function store() {
  const opening = indexedDB.open("ringfence-seal", 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore("identities"); // key: the person here; value: a pair whose private half cannot be exported
    opening.result.createObjectStore("pins"); // key: [the person here, ref]; value: the identity first seen, base64url
  };
  return done(opening);
}

/** This browser profile's store. Clearing the site's data clears it; the others then see a changed identity. @type {Vault} */
const vault = {
  async identity(me) {
    const [db, made] = [await store(), await makeIdentity()];
    const identities = db.transaction("identities", "readwrite").objectStore("identities");
    const kept = /** @type {CryptoKeyPair | undefined} */ (await done(identities.get(me)));
    if (!kept) await done(identities.put(made, me)); // asked and answered in one transaction: two pages make one identity
    db.close();
    return kept ?? made;
  },
  async pinned(me, ref) {
    const db = await store();
    const found = /** @type {string | undefined} */ (await done(db.transaction("pins").objectStore("pins").get([me, ref])));
    db.close();
    return found;
  },
  async pin(me, ref, id) {
    const db = await store();
    await done(db.transaction("pins", "readwrite").objectStore("pins").put(id, [me, ref]));
    db.close();
  },
};

const session = new Session({
  vault,
  now: () => Date.now(),
  later: (ms, what) => void setTimeout(what, ms),
  post: (said) => here.postMessage(said),
});

/** @param {RTCTransformEvent} event */
function transform({ transformer }) {
  const { readable, writable, options } = transformer;
  const { side, kind, mid } = options;
  if (side === "recv") session.incoming(options, () => void transformer.sendKeyFrameRequest?.().catch(() => {}));
  const gate = new TransformStream({
    /** @param {Frame} frame @param {TransformStreamDefaultController<Frame>} controller */
    async transform(frame, controller) {
      const through = side === "send" ? await session.seal(kind, frame) : side === "recv" ? await session.open(mid, frame) : false;
      if (through === true) controller.enqueue(frame);
    },
  });
  readable.pipeThrough(gate).pipeTo(writable).catch(() => {}); // the connection was closed
}

here.addEventListener("rtctransform", transform);
here.addEventListener("message", /** @param {MessageEvent<Told>} event */ (event) => void session.handle(event.data));

/** Whether this worker can do the arithmetic. A browser that cannot is told so, and does not call. */
async function able() {
  try {
    const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("X25519", false, ["deriveBits"]));
    await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    return b64(await crypto.subtle.exportKey("raw", pair.publicKey)).length === 43;
  } catch {
    return false;
  }
}

void able().then((yes) => here.postMessage(yes ? { k: "awake" } : { k: "failed", why: "curves" }));
