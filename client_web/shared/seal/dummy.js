/**
 * A black picture and silence, for the time in which nothing real may be on a sender: until the worker has sealed a frame of
 * that kind. If a browser went round the worker, this is all that anybody could see or hear.
 *
 * Where the browser does not let an `AudioContext` run, nothing flows from it, nothing would be sealed, and a voice would never be
 * heard. Then our own microphone is the silence: a copy of its track that is turned off (a track that is not enabled gives
 * silence, Media Capture and Streams, 4.3.1). It lives no longer than the microphone is open.
 */

/** @typedef {import("./types.js").Kind} Kind */

const FRAME_MS = 100;
/** So long a context that was pressed for may take to run. */
const PATIENCE_MS = 1000;

export class Dummy {
  /** @type {Record<Kind, MediaStreamTrack | null>} */ tracks = { audio: null, video: null };
  /** @type {ReturnType<typeof setInterval> | undefined} */ #painting;
  /** @type {AudioContext | null} */ #silence = null;
  /** @type {MediaStreamTrack | null} */ #muted = null;
  #still = false;
  /** @type {ReturnType<typeof setTimeout>} */ #patience;

  /** Ask again: what was handed out gives nothing. */ onstill = () => {};

  constructor() {
    const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 120 });
    const paint = canvas.getContext("2d");
    const black = () => paint?.fillRect(0, 0, 160, 120); // a canvas that nobody paints gives no frames
    black();
    this.tracks.video = canvas.captureStream(10).getVideoTracks()[0] ?? null;
    this.#painting = setInterval(black, FRAME_MS);
    const context = (this.#silence = new AudioContext());
    void context.resume().catch(() => {});
    const [tone, mute, out] = [new OscillatorNode(context), new GainNode(context, { gain: 0 }), context.createMediaStreamDestination()];
    tone.connect(mute).connect(out); // without a source nothing flows at all
    tone.start();
    this.tracks.audio = out.stream.getAudioTracks()[0] ?? null;
    this.#patience = setTimeout(() => {
      this.#still = this.#silence !== null && this.#silence.state !== "running";
      if (this.#still) this.onstill();
    }, PATIENCE_MS);
  }

  /** What stands for the real track until a frame is sealed. @param {Kind} kind @param {MediaStreamTrack | null} real */
  instead(kind, real) {
    if (kind === "video" || !this.#still) return this.tracks[kind];
    if (!real || !this.#muted) {
      this.#muted?.stop();
      this.#muted = real?.clone() ?? null;
      if (this.#muted) this.#muted.enabled = false; // in the task in which it was made: nothing of it is heard
    }
    return this.#muted ?? this.tracks.audio;
  }

  /** That kind is needed no more. Safe to say twice. @param {Kind} kind */
  stop(kind) {
    this.tracks[kind]?.stop();
    this.tracks[kind] = null;
    if (kind === "video") clearInterval(this.#painting);
    else {
      clearTimeout(this.#patience);
      this.#muted?.stop();
      this.#muted = null;
      this.#still = false;
      void this.#silence?.close().catch(() => {});
      this.#silence = null;
    }
  }
}
