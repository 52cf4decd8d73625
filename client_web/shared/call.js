/**
 * A call as this device knows it: a value, and one function from a value and a message to the next. Never touches the page.
 *
 * Nothing here is decided, only read: the server owns the call. Who can see and hear me (`seenBy`, `heardBy`) is what the
 * server read from the gate's forwarding table, word for word. `over` is the last phase; a new call is a new value.
 */

/** @typedef {import("./protocol.js").CallMessage} CallMessage */
/** @typedef {import("./protocol.js").Leg} Leg */
/** @typedef {"calling" | "ringing" | "connecting" | "active" | "over"} Phase */
/**
 * @typedef {object} Call
 * @property {string} id           empty while the server has not yet answered our own invitation
 * @property {Phase} phase
 * @property {"audio" | "video"} media
 * @property {string[]} with       everybody else in it, by ref, the caller or the called first; kept when they leave
 * @property {Leg[]} legs          everybody else's place now
 * @property {string[]} seenBy
 * @property {string[]} heardBy
 * @property {boolean} mayShow     may the camera be opened in this call at all
 * @property {string} nonce        for answering; only while it rings here
 * @property {number} epoch
 * @property {{code: string, minutes: number, ms: number} | null} soon  we will have to leave by the clock; as it was told
 * @property {{code: string, by: string, who: string} | null} ending
 */

/** I press Call. @param {string[]} to @param {"audio" | "video"} media @returns {Call} */
export const placed = (to, media) => ({
  id: "", phase: "calling", media, with: to, legs: [], seenBy: [], heardBy: [], mayShow: false, nonce: "", epoch: -1, soon: null, ending: null,
});

/** @param {Call} call @param {string} code @param {string} [by] @param {string} [who] @returns {Call} */
export const over = (call, code, by = "", who = "") => ({
  ...call, phase: "over", legs: [], seenBy: [], heardBy: [], nonce: "", mayShow: false, soon: null, ending: { code, by, who },
});

/**
 * The call after a message. A message about another call changes nothing; so does anything after `over`.
 * @param {Call | null} call @param {CallMessage} message
 * @returns {Call | null}
 */
export function after(call, message) {
  if (message.t === "call.incoming") {
    if (call && call.phase !== "over") return call;
    return {
      ...placed([message.caller, ...message.others], message.media), id: message.call, phase: "ringing", nonce: message.nonce,
    };
  }
  if (!call || call.phase === "over" || (call.id !== "" && call.id !== message.call)) return call;
  switch (message.t) {
    case "call.state": {
      if (message.epoch < call.epoch) return call;
      const here = new Set(call.with);
      return {
        ...call,
        id: message.call,
        phase: message.state !== "ringing" && message.me.state !== "invited" ? message.state : call.phase,
        media: message.media,
        with: [...call.with, ...message.legs.map((leg) => leg.ref).filter((ref) => !here.has(ref))],
        legs: message.legs, seenBy: message.seen_by, heardBy: message.heard_by, mayShow: message.may_show, epoch: message.epoch,
      };
    }
    case "call.peer_left":
      return {
        ...call,
        legs: call.legs.filter((leg) => leg.ref !== message.ref),
        seenBy: call.seenBy.filter((ref) => ref !== message.ref),
        heardBy: call.heardBy.filter((ref) => ref !== message.ref),
      };
    case "call.soon":
      return { ...call, soon: { code: message.code, minutes: Math.max(1, Math.round(message.in_ms / 60_000)), ms: message.in_ms } };
    case "call.answered_elsewhere":
      return over(call, "answered_elsewhere");
    case "call.ended":
      return call.id === "" ? call : over(call, message.code, message.by, message.who);
    default:
      return call;
  }
}

/** Is somebody still being waited for, or here? @param {Call | null} call */
export const isLive = (call) => call !== null && call.phase !== "over";
