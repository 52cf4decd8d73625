/**
 * A black picture and silence, for the time in which nothing real may be on a sender: until the worker has sealed a frame of
 * that kind. If a browser went round the worker, this is all that anybody could see or hear.
 */

/** @typedef {import("./types.js").Kind} Kind */

const FRAME_MS = 100;

export class Dummy {
  /** @type {Record<Kind, MediaStreamTrack | null>} */ tracks = { audio: null, video: null };
  /** @type {ReturnType<typeof setInterval> | undefined} */ #painting;
  /** @type {AudioContext | null} */ #silence = null;

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
  }

  /** That kind is needed no more. Safe to say twice. @param {Kind} kind */
  stop(kind) {
    this.tracks[kind]?.stop();
    this.tracks[kind] = null;
    if (kind === "video") clearInterval(this.#painting);
    else {
      void this.#silence?.close().catch(() => {});
      this.#silence = null;
    }
  }
}
