/**
 * The worker that alone holds keys: the thin rim around `session.js`. It gives the session a clock, this device's store, and the
 * browser's encoded frames; and it passes messages. The page gets numbers and public halves, never a key.
 *
 * A frame goes on only when the session said `true` for exactly this frame. There is no way round: no message, no option and no
 * fault makes a frame pass as it is. `transform` returns its promise, so frames of one stream stay in order.
 *
 * Outside of calls the same worker answers `ring.js`: it holds the device's identity, so it alone can sign with it.
 */

import { b64, NotHeld, publicOf, unb64 } from "./agree.js";
import { signStatement } from "./roster.js";
import { Session } from "./session.js";
import { openStore, vault } from "./vault.js";

/** @typedef {import("./types.js").Told} Told */
/** @typedef {import("./types.js").Said} Said */
/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Ask} Ask */

/** @typedef {{postMessage(said: Said): void, addEventListener(name: string, heard: (event: any) => void): void}} Here */
const here = /** @type {Here} */ (/** @type {unknown} */ (self)); // the library of workers and that of pages do not go together

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
  else session.outgoing(options);
  const gate = new TransformStream({
    /** @param {Frame} frame @param {TransformStreamDefaultController<Frame>} controller */
    async transform(frame, controller) {
      const through = side === "send" ? await session.seal(kind, frame, mid) : side === "recv" ? await session.open(mid, frame) : false;
      if (through === true) controller.enqueue(frame);
    },
  });
  readable.pipeThrough(gate).pipeTo(writable).catch(() => {}); // the connection was closed
}

/** What a page may ask outside of any call (`ring.js`). @param {Ask} ask */
async function ring(ask) {
  const { n } = ask;
  try {
    here.postMessage({ k: "rung", n, is: await answer(ask) });
  } catch (fault) {
    here.postMessage({ k: "rung", n, fault: fault instanceof NotHeld ? fault.why : "fault" });
  }
}

/** @param {Ask} ask @returns {Promise<string | string[]>} */
async function answer(ask) {
  const { me } = ask;
  if (ask.do === "id") return publicOf(await vault.identity(me));
  if (ask.do === "sign") return signStatement(await vault.identity(me), ask.text);
  if (ask.do === "own") await vault.setOwn(me, b64(unb64(ask.key, 32)));
  if (ask.do === "set-signed") await vault.setSigned(me, ask.whose, ask.keys);
  return ask.do === "signed" ? vault.signed(me, ask.whose) : "";
}

here.addEventListener("rtctransform", transform);
here.addEventListener("message", /** @param {MessageEvent<Told | Ask>} event */ ({ data }) => void (data.k === "ring" ? ring(data) : session.handle(data)));

/** What is missing here for the arithmetic and for keeping an identity. Such a browser is told so, and does not call. @returns {Promise<"" | "curves" | "store">} */
async function lack() {
  try {
    const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("X25519", false, ["deriveBits"]));
    await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    if (b64(await crypto.subtle.exportKey("raw", pair.publicKey)).length !== 43) return "curves";
  } catch {
    return "curves";
  }
  try {
    await openStore();
    return "";
  } catch {
    return "store";
  }
}

void lack().then((why) => here.postMessage(why ? { k: "failed", why } : { k: "awake" }));
