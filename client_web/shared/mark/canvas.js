/**
 * Marking by canvas, where a browser has no track processor (Firefox): each picture of our own camera is drawn once, read once, and painted
 * with its mark on one canvas for each recipient, which is then a track.
 *
 * `captureStream` stands here on canvases of ours that hold nothing but our own camera's picture, before it is sent. Nobody else's picture
 * is ever drawn in here, and a test forbids the word everywhere but here and in seal/dummy.js.
 *
 * What leaves a canvas has the time at which it was painted, so that is the timestamp by which the mark swings.
 */
import { Marker } from "./marker.js";
import { Pace } from "./pace.js";

/** @typedef {import("./types.js").Tile} Tile */
/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./types.js").Hears} Hears */

const LOOK_MS = 250;

export const supported = () =>
  typeof document === "object" && "requestVideoFrameCallback" in HTMLVideoElement.prototype && "captureStream" in HTMLCanvasElement.prototype;

/** A browser that guards against being recognised gives back other pixels than were painted; that would spoil the picture. */
export function honest() {
  const painter = context(Object.assign(document.createElement("canvas"), { width: 32, height: 8 }));
  const painted = new ImageData(32, 8);
  painted.data.forEach((_, n, data) => (data[n] = n % 4 === 3 ? 255 : (n * 37 + 11) & 255));
  painter.putImageData(painted, 0, 0);
  return painter.getImageData(0, 0, 32, 8).data.every((value, n) => value === painted.data[n]);
}

/** @param {HTMLCanvasElement} canvas */
function context(canvas) {
  const found = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!found) throw new TypeError("canvas");
  return found;
}

/** @param {MediaStreamTrack} track @param {Tile} tile @param {Hears} hears @returns {Source} */
export function open(track, tile, hears) {
  /** @type {Map<string, {marker: Marker, paints: CanvasRenderingContext2D, marked: ImageData | null, track: MediaStreamTrack}>} */
  const recipients = new Map();
  let pace = new Pace();
  let closed = false;
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, srcObject: new MediaStream([track]) });
  const reads = context(document.createElement("canvas"));

  /** A picture came. @param {number} now milliseconds */
  function each(now) {
    if (closed) return;
    video.requestVideoFrameCallback(each);
    dress(now);
  }

  /** @param {number} now milliseconds */
  function dress(now) {
    const { videoWidth: width, videoHeight: height } = video;
    if (!width || !height || !recipients.size) return;
    const began = performance.now();
    try {
      fit(reads.canvas, width, height);
      reads.drawImage(video, 0, 0);
      const { data } = reads.getImageData(0, 0, width, height);
      for (const one of recipients.values()) {
        fit(one.paints.canvas, width, height);
        if (one.marked?.width !== width || one.marked.height !== height) one.marked = new ImageData(width, height);
        one.marked.data.set(data);
        one.marker.mark({ data: one.marked.data, format: "RGBA", width, height, offset: 0, stride: 4 * width }, now / 1000);
        one.paints.putImageData(one.marked, 0, 0);
      }
    } catch {
      return hears.failed("frame");
    }
    const done = performance.now();
    const numbers = pace.done(done - began, now / 1000, done);
    if (numbers) hears.paced(numbers);
    for (const { marker } of recipients.values()) marker.ahead();
  }

  video.requestVideoFrameCallback(each);
  void video.play().catch(() => closed || hears.failed("frame"));
  const looking = setInterval(() => {
    if (document.hidden) dress(performance.now()); // nothing is shown then, so nobody tells of new pictures; a slow picture is better than none
    if (track.readyState !== "ended") return; // a track that was stopped by the page says nothing of it
    clearInterval(looking);
    hears.ended();
  }, LOOK_MS);

  return {
    add: async (whose) => {
      const canvas = document.createElement("canvas");
      const { width = 640, height = 480 } = track.getSettings();
      fit(canvas, width, height);
      const paints = context(canvas); // a canvas without a context gives no stream in Firefox
      const marked = /** @type {MediaStreamTrack} */ (canvas.captureStream().getVideoTracks()[0]);
      marked.contentHint = track.contentHint;
      recipients.set(whose.ref, { marker: new Marker(tile, whose), paints, marked: null, track: marked });
      pace = new Pace();
      return marked;
    },
    remove: (ref) => {
      recipients.get(ref)?.track.stop();
      recipients.delete(ref);
      pace = new Pace();
    },
    close: () => {
      closed = true;
      clearInterval(looking);
      for (const one of recipients.values()) one.track.stop();
      recipients.clear();
      video.srcObject = null;
    },
  };
}

/** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
function fit(canvas, width, height) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}
