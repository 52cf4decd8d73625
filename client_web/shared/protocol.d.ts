/** The messages of `ringfence.v1` as the browser reads and writes them; the source is signalling/protocol.py. */
export type Media = "audio" | "video";
export type Status = "here" | "busy" | "away";
export type LegState = "invited" | "connecting" | "connected" | "lost" | "left";
export interface Leg { ref: string; state: LegState; audio: boolean; video: boolean; index: number; sealed: boolean; mark?: Mark | null }
/** Of the picture of mine that goes to this person. */
export interface Mark { id: string; quarter: number }
export type Picture = "each" | "once";
export interface Slot { ref: string; audio_mid: string; video_mid: string }

export interface Incoming { t: "call.incoming"; seq?: number; call: string; nonce: string; caller: string; others: string[]; media: Media; expires_in_ms: number }
export interface State { t: "call.state"; seq?: number; call: string; state: "ringing" | "connecting" | "active"; media: Media; me: Leg; legs: Leg[]; seen_by: string[]; heard_by: string[]; may_show: boolean; epoch: number }
export interface Offer { t: "sdp.offer"; seq?: number; call: string; neg: number; sdp: string; slots: Slot[]; picture: Picture; once_mid?: string }
export interface SealFrom { t: "seal.from"; seq?: number; call: string; ref: string; body: string }
export interface AnsweredElsewhere { t: "call.answered_elsewhere"; seq?: number; call: string }
export interface Soon { t: "call.soon"; seq?: number; call: string; code: string; in_ms: number }
export interface PeerLeft { t: "call.peer_left"; seq?: number; call: string; ref: string; code: string }
export interface Ended { t: "call.ended"; seq?: number; call: string; code: string; by?: string; who?: string }
export interface Presence { t: "presence"; seq?: number; people: { ref: string; status: Status }[] }
export interface Changed { t: "changed"; seq?: number; what: ("people" | "asks" | "decisions" | "family" | "calls" | "sessions")[] }
/** About a call. */
export type CallMessage = Incoming | State | Offer | SealFrom | AnsweredElsewhere | PeerLeft | Soon | Ended;
/** What a page hears; answers, welcome and the like stay inside connection.js. */
export type Heard = CallMessage | Presence | Changed;

export type ServerFrame = Heard
  | { t: "welcome"; seq?: number; session: string; resume_token: string; me?: string; mark_key?: string; limits?: { resume_seconds: number } }
  | { t: "resumed"; seq?: number; resume_token: string; replayed: number }
  | { t: "resume_failed"; seq?: number; code: string }
  | { t: "ok"; seq?: number; re: string; call?: string }
  | { t: "err"; seq?: number; re: string; code: string; retry_after_ms?: number }
  | { t: "go_away"; seq?: number; reconnect_after_ms: number }
  | { t: "bye"; seq?: number; code: string };

/** What a page may ask for; connection.js adds the request's id. */
export type Request =
  | { t: "call.invite"; to: string[]; media: Media }
  | { t: "call.accept"; call: string; nonce: string }
  | { t: "call.reject" | "call.cancel" | "call.leave" | "ice.restart"; call: string }
  | { t: "call.media"; call: string; audio: boolean; video: boolean }
  | { t: "sdp.answer"; call: string; neg: number; sdp: string }
  | { t: "seal.to"; call: string; to: string; body: string }
  | { t: "seal.ready"; call: string; kids: number[] }
  | { t: "mark.on"; call: string; to: string }
  | { t: "mark.off"; call: string; to: string; why: "too_slow" | "cannot" | "broken" };
