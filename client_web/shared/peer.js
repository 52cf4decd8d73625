/**
 * The media of one call: one RTCPeerConnection to the gate. Never touches the page.
 *
 * The three booleans of polite negotiation are not here, and why: the gate is always the offerer, so two offers can never
 * cross; nobody is impolite; and an offer is only ever set when the one before it has been answered, because offers wait in
 * one line (`#line`). An ICE restart is simply the next offer. No candidate travels: the gate's address is in its offer, ours
 * is learnt by the gate from the authenticated checks.
 *
 * Our voice goes out on the first slot's m-line, to all. Our picture for somebody goes out on the video m-line of their slot, made for
 * them (mark/copies.js), and the gate hands it to nobody else. In a call of more people than get a copy the offer says "once": then
 * it goes out as it is on an m-line of its own, to all. Senders are filled and emptied without any new negotiation: an empty sender
 * sends nothing.
 *
 * Everything is sealed (seal/keeper.js says in which order, and why): the transforms are put on in the very task in which the
 * offer was taken, and until the worker has sealed a frame of that very m-line a black picture or silence is all that a sender has.
 * Once a second the browser's own counts are held against the worker's; if they do not fit, the connection is no more.
 */
import { Dummy } from "./seal/dummy.js";
import { CannotSeal, SEALED } from "./seal/keeper.js";

/** @typedef {import("./mark/copies.js").Copies} Copies */
/** @typedef {import("./protocol.js").Leg} Leg */
/** @typedef {import("./protocol.js").Offer} Offer */
/** @typedef {import("./protocol.js").Media} Media */
/** @typedef {import("./sealed.js").Sealed} Sealed */
/** A track is there once a frame of it has opened. @typedef {{ref: string, audio: MediaStreamTrack | null, video: MediaStreamTrack | null}} Incoming */
/** What we send on one m-line; `ref`: for whom alone, or "" for all. @typedef {{kind: Media, ref: string, sender: RTCRtpSender}} Lane */

const WATCH_MS = 1000;

export class Peer {
  /** Somebody's tracks are there, or no longer. @type {(incoming: Incoming) => void} */ onperson = () => {};
  /** @type {(state: RTCPeerConnectionState) => void} */ onstate = () => {};
  /** Something passed that was not sealed: all is off and closed already. */ onunsealed = () => {};

  #pc = new RTCPeerConnection({ ...SEALED, bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers: [] });
  #sealed;
  #copies;
  /** @type {Promise<unknown>} */ #line = Promise.resolve();
  /** @type {Map<string, Lane>} by mid */ #lanes = new Map();
  /** @type {import("./protocol.js").Picture} */ #picture = "each";
  /** @type {MediaStreamTrack | null} */ #voice = null;
  /** @type {MediaStreamTrack | null} */ #camera = null;
  /** Each person's own picture of us. @type {Map<string, MediaStreamTrack>} by ref */ #made = new Map();
  /** Mids on which the worker has sealed a frame. @type {Set<string>} */ #safe = new Set();
  /** @type {Dummy | null} */ #dummy = null;
  /** @type {Map<string, {tracks: Record<Media, MediaStreamTrack>, open: Set<Media>}>} by ref */ #people = new Map();
  /** @type {ReturnType<typeof setInterval>} */ #watching;
  #closed = false;

  /**
   * Both are closed with this connection.
   * @param {Sealed} sealed whose worker is ready @param {Copies} copies of our camera's picture
   */
  constructor(sealed, copies) {
    this.#sealed = sealed;
    this.#copies = copies;
    this.#pc.onconnectionstatechange = () => !this.#closed && this.onstate(this.#pc.connectionState);
    this.#pc.ondatachannel = ({ channel }) => channel.close();
    this.#pc.ontrack = ({ transceiver }) => this.#attach(transceiver);
    sealed.onsealed = (kind, mid) => {
      this.#safe.add(mid);
      void this.#fill(mid);
      this.#endDummy(kind);
    };
    sealed.onopened = (ref, kind, open) => this.#opened(ref, kind, open);
    copies.ontrack = (ref, track) => {
      if (track) this.#made.set(ref, track);
      else this.#made.delete(ref);
      for (const [mid, lane] of this.#lanes) if (lane.ref === ref && ref) void this.#fill(mid);
    };
    this.#watching = setInterval(() => void this.#watch(), WATCH_MS);
  }

  /**
   * Answer an offer of the gate. Offers are answered one at a time, in the order in which they came.
   * @param {Offer} offer
   * @returns {Promise<string>} the answer's SDP
   */
  answer(offer) {
    const answered = this.#line.then(() => this.#answer(offer));
    this.#line = answered.catch(() => {}); // the asker hears of it; the next offer is not held up by it
    return answered;
  }

  /** @param {Offer} offer */
  async #answer({ sdp, slots, picture, once_mid }) {
    const pc = this.#pc;
    this.#sealed.slots(slots, once_mid);
    await pc.setRemoteDescription({ type: "offer", sdp });
    const all = pc.getTransceivers(); // from here to the last transform: one task, nothing awaited
    if (all.length !== 2 * slots.length + (once_mid ? 1 : 0)) throw new CannotSeal("slot");
    for (const transceiver of all) this.#sealed.attach(transceiver);
    const byMid = new Map(all.map((transceiver) => [transceiver.mid, transceiver]));
    for (const [n, slot] of slots.entries()) {
      const audio = byMid.get(slot.audio_mid);
      const video = byMid.get(slot.video_mid);
      if (!audio || !video) continue;
      if (n === 0) this.#lay(audio, "");
      this.#lay(video, slot.ref);
      const before = this.#people.get(slot.ref);
      this.#people.set(slot.ref, { tracks: { audio: audio.receiver.track, video: video.receiver.track }, open: before?.open ?? new Set() });
    }
    const once = once_mid && byMid.get(once_mid);
    if (once) this.#lay(once, "");
    this.#picture = picture;
    this.#copies.camera(picture === "each" ? this.#camera : null);
    await this.#fillAll();
    const answer = await pc.createAnswer();
    await pc.setLocalDescription(answer);
    return pc.localDescription?.sdp ?? answer.sdp ?? "";
  }

  /** We send on this one. @param {RTCRtpTransceiver} transceiver @param {string} ref */
  #lay(transceiver, ref) {
    const kind = /** @type {Media} */ (transceiver.receiver.track.kind);
    transceiver.direction = kind === "video" && !ref ? "sendonly" : "sendrecv";
    this.#lanes.set(transceiver.mid ?? "", { kind, ref, sender: transceiver.sender });
  }

  /** A track that comes before the offer's own task is over; whatever cannot be sealed is not received. @param {RTCRtpTransceiver} transceiver */
  #attach(transceiver) {
    try {
      this.#sealed.attach(transceiver);
    } catch {
      this.#stop();
    }
  }

  /** @param {string} ref @param {Media} kind @param {boolean} open */
  #opened(ref, kind, open) {
    const person = this.#people.get(ref);
    if (!person || this.#closed || person.open.has(kind) === open) return;
    if (open) person.open.add(kind);
    else person.open.delete(kind);
    /** @param {Media} each */
    const shown = (each) => (person.open.has(each) ? person.tracks[each] : null);
    this.onperson({ ref, audio: shown("audio"), video: shown("video") });
  }

  /** Who is in the call, and with which mark each one's picture of us is to go out. @param {Leg[]} legs */
  people(legs) {
    this.#copies.people(legs);
  }

  /**
   * Put a track on the wire, or take it off. Taking off needs nobody's leave and is never put off.
   * @param {Media} kind @param {MediaStreamTrack | null} track
   */
  put(kind, track) {
    if (kind === "audio") this.#voice = track;
    else {
      this.#camera = track;
      this.#copies.camera(this.#picture === "each" ? track : null);
    }
    return this.#fillAll();
  }

  async #fillAll() {
    await Promise.all([...this.#lanes.keys()].map((mid) => this.#fill(mid)));
  }

  /** Is anything sent on this m-line, by the offer? @param {Lane} lane */
  #used({ kind, ref }) {
    return kind === "audio" || (ref !== "") === (this.#picture === "each");
  }

  /** @param {string} mid */
  async #fill(mid) {
    const lane = this.#lanes.get(mid);
    if (!lane || this.#closed) return;
    const { kind, ref, sender } = lane;
    const real = kind === "audio" ? this.#voice : ref ? this.#made.get(ref) ?? null : this.#camera;
    if (!this.#used(lane)) await sender.replaceTrack(null);
    else if (this.#safe.has(mid)) await sender.replaceTrack(real);
    else await sender.replaceTrack((this.#dummy ??= this.#makeDummy()).instead(kind, real));
  }

  #makeDummy() {
    const dummy = new Dummy();
    dummy.onstill = () => void this.#fillAll();
    return dummy;
  }

  /** @param {Media} kind */
  #endDummy(kind) {
    const waits = (/** @type {Media} */ one) => [...this.#lanes].some(([mid, lane]) => lane.kind === one && this.#used(lane) && !this.#safe.has(mid));
    if (!waits(kind)) this.#dummy?.stop(kind);
    if (!waits("audio") && !waits("video")) this.#dummy = null; // another one, if another m-line is used one day
  }

  async #watch() {
    const why = await this.#sealed.watch(this.#pc).catch(() => ""); // closed meanwhile; of a dead worker Sealed tells
    if (why && !this.#closed) this.#stop();
  }

  #stop() {
    if (this.#closed) return;
    for (const { sender } of this.#lanes.values()) void sender.replaceTrack(null).catch(() => {});
    this.close();
    this.onunsealed();
  }

  /** What the connection itself counts; for tests and for the sentence about a slow picture. */
  stats() {
    return this.#pc.getStats();
  }

  /** Over, keys and all. Safe to say twice. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watching);
    this.#pc.close();
    this.#dummy?.stop("audio");
    this.#dummy?.stop("video");
    this.#copies.stop();
    this.#sealed.close();
  }
}
