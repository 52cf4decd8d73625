/**
 * The media of one call: one RTCPeerConnection to the gate. Never touches the page.
 *
 * The three booleans of polite negotiation are not here, and why: the gate is always the offerer, so two offers can never
 * cross; nobody is impolite; and an offer is only ever set when the one before it has been answered, because offers wait in
 * one line (`#line`). An ICE restart is simply the next offer. No candidate travels: the gate's address is in its offer, ours
 * is learnt by the gate from the authenticated checks.
 *
 * The first slot's pair of m-lines is the one we send on. Its senders are filled and emptied with `put`, without any new
 * negotiation: an empty sender sends nothing.
 *
 * Everything is sealed (seal/keeper.js says in which order, and why): the transforms are put on in the very task in which the
 * offer was taken, and until the worker has sealed a frame of that kind a black picture or silence is all that a sender has.
 * Once a second the browser's own counts are held against the worker's; if they do not fit, the connection is no more.
 */
import { Dummy } from "./seal/dummy.js";
import { CannotSeal, SEALED } from "./seal/keeper.js";

/** @typedef {import("./protocol.js").Offer} Offer */
/** @typedef {import("./protocol.js").Media} Media */
/** @typedef {import("./sealed.js").Sealed} Sealed */
/** A track is there once a frame of it has opened. @typedef {{ref: string, audio: MediaStreamTrack | null, video: MediaStreamTrack | null}} Incoming */

const WATCH_MS = 1000;

export class Peer {
  /** Somebody's tracks are there, or no longer. @type {(incoming: Incoming) => void} */ onperson = () => {};
  /** @type {(state: RTCPeerConnectionState) => void} */ onstate = () => {};
  /** Something passed that was not sealed: all is off and closed already. */ onunsealed = () => {};

  #pc = new RTCPeerConnection({ ...SEALED, bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers: [] });
  #sealed;
  /** @type {Promise<unknown>} */ #line = Promise.resolve();
  /** @type {Record<Media, RTCRtpSender | null>} */ #senders = { audio: null, video: null };
  /** @type {Record<Media, MediaStreamTrack | null>} */ #tracks = { audio: null, video: null };
  /** Kinds of which the worker has sealed a frame. @type {Set<Media>} */ #safe = new Set();
  /** @type {Dummy | null} */ #dummy = null;
  /** @type {Map<string, {tracks: Record<Media, MediaStreamTrack>, open: Set<Media>}>} by ref */ #people = new Map();
  /** @type {ReturnType<typeof setInterval>} */ #watching;
  #closed = false;

  /** @param {Sealed} sealed whose worker is ready; it is closed with this connection */
  constructor(sealed) {
    this.#sealed = sealed;
    this.#pc.onconnectionstatechange = () => !this.#closed && this.onstate(this.#pc.connectionState);
    this.#pc.ondatachannel = ({ channel }) => channel.close();
    this.#pc.ontrack = ({ transceiver }) => this.#attach(transceiver);
    sealed.onsealed = (kind) => {
      this.#safe.add(kind);
      void this.#fill(kind);
      this.#dummy?.stop(kind);
    };
    sealed.onopened = (ref, kind, open) => this.#opened(ref, kind, open);
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
  async #answer({ sdp, slots }) {
    const pc = this.#pc;
    this.#sealed.slots(slots);
    await pc.setRemoteDescription({ type: "offer", sdp });
    const all = pc.getTransceivers(); // from here to the last transform: one task, nothing awaited
    if (all.length !== 2 * slots.length) throw new CannotSeal("slot");
    for (const transceiver of all) this.#sealed.attach(transceiver);
    const byMid = new Map(all.map((transceiver) => [transceiver.mid, transceiver]));
    for (const [n, slot] of slots.entries()) {
      const audio = byMid.get(slot.audio_mid);
      const video = byMid.get(slot.video_mid);
      if (!audio || !video) continue;
      if (n === 0) {
        audio.direction = "sendrecv";
        video.direction = "sendrecv";
        this.#senders = { audio: audio.sender, video: video.sender };
        this.#dummy ??= new Dummy();
        await this.#fill("audio");
        await this.#fill("video");
      }
      const before = this.#people.get(slot.ref);
      this.#people.set(slot.ref, { tracks: { audio: audio.receiver.track, video: video.receiver.track }, open: before?.open ?? new Set() });
    }
    const answer = await pc.createAnswer();
    await pc.setLocalDescription(answer);
    return pc.localDescription?.sdp ?? answer.sdp ?? "";
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

  /**
   * Put a track on the wire, or take it off. Taking off needs nobody's leave and is never put off.
   * @param {Media} kind @param {MediaStreamTrack | null} track
   */
  put(kind, track) {
    this.#tracks[kind] = track;
    return this.#fill(kind);
  }

  /** @param {Media} kind */
  async #fill(kind) {
    const track = this.#safe.has(kind) ? this.#tracks[kind] : this.#dummy?.tracks[kind] ?? null;
    if (!this.#closed) await this.#senders[kind]?.replaceTrack(track);
  }

  async #watch() {
    const why = await this.#sealed.watch(this.#pc).catch(() => ""); // closed meanwhile; of a dead worker Sealed tells
    if (why && !this.#closed) this.#stop();
  }

  #stop() {
    if (this.#closed) return;
    for (const sender of Object.values(this.#senders)) void sender?.replaceTrack(null).catch(() => {});
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
    this.#sealed.close();
  }
}
