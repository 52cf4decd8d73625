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
 */

/** @typedef {import("./protocol.js").Offer} Offer */
/** @typedef {import("./protocol.js").Media} Media */
/** @typedef {{ref: string, audio: MediaStreamTrack, video: MediaStreamTrack}} Incoming */

export class Peer {
  /** Somebody's tracks are there. @type {(incoming: Incoming) => void} */ onperson = () => {};
  /** @type {(state: RTCPeerConnectionState) => void} */ onstate = () => {};

  #pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers: [] });
  /** @type {Promise<unknown>} */ #line = Promise.resolve();
  /** @type {Record<Media, RTCRtpSender | null>} */ #senders = { audio: null, video: null };
  /** @type {Record<Media, MediaStreamTrack | null>} */ #tracks = { audio: null, video: null };
  #closed = false;

  constructor() {
    this.#pc.onconnectionstatechange = () => !this.#closed && this.onstate(this.#pc.connectionState);
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
    await pc.setRemoteDescription({ type: "offer", sdp });
    const byMid = new Map(pc.getTransceivers().map((transceiver) => [transceiver.mid, transceiver]));
    for (const [n, slot] of slots.entries()) {
      const audio = byMid.get(slot.audio_mid);
      const video = byMid.get(slot.video_mid);
      if (!audio || !video) continue;
      if (n === 0) {
        audio.direction = "sendrecv";
        video.direction = "sendrecv";
        this.#senders = { audio: audio.sender, video: video.sender };
        await audio.sender.replaceTrack(this.#tracks.audio);
        await video.sender.replaceTrack(this.#tracks.video);
      }
      this.onperson({ ref: slot.ref, audio: audio.receiver.track, video: video.receiver.track });
    }
    const answer = await pc.createAnswer();
    await pc.setLocalDescription(answer);
    return pc.localDescription?.sdp ?? answer.sdp ?? "";
  }

  /**
   * Put a track on the wire, or take it off. Taking off needs nobody's leave and is never put off.
   * @param {Media} kind @param {MediaStreamTrack | null} track
   */
  put(kind, track) {
    this.#tracks[kind] = track;
    const done = this.#senders[kind]?.replaceTrack(track);
    return done ?? Promise.resolve();
  }

  /** What the connection itself counts; for tests and for the sentence about a slow picture. */
  stats() {
    return this.#pc.getStats();
  }

  /** Over. Safe to say twice. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#pc.close();
  }
}
