/**
 * The marking of camera frames, off the page's own thread. Each frame of a camera is read once; every recipient gets a copy with a mark of
 * their own and the frame's own timestamp. Nothing passes unmarked: a frame that cannot be marked is dropped, and when that goes on, or when
 * this machine does not keep up, the page is told. What is sent then is not decided here.
 *
 * Frames come and go by streams that the page passed in. No more than one waits: a late picture is worth less than the next one.
 */
import { Marker, knows } from "./marker.js";
import { Pace } from "./pace.js";
import { tile } from "./pattern.js";

/** @typedef {import("./types.js").Told} Told */
/** @typedef {import("./types.js").Said} Said */
/** @typedef {import("./types.js").Tile} Tile */
/** @typedef {import("./types.js").Whose} Whose */

/** @typedef {{postMessage(said: Said): void, addEventListener(name: string, heard: (event: any) => void): void}} Here */
const here = /** @type {Here} */ (/** @type {unknown} */ (self)); // the library of workers and that of pages do not go together

/** So many frames one after the other could not be read: then it is no accident. */
const FAULTS = 5;

/** @typedef {{ref: string, marker: Marker, writer: WritableStreamDefaultWriter<VideoFrame>, copy: Uint8ClampedArray<ArrayBuffer>}} Recipient */

class Camera {
  #n;
  #tile;
  #reader;
  #pace = new Pace();
  #faults = 0;
  /** @type {Recipient[]} */ #recipients = [];
  #bytes = new Uint8ClampedArray(0);
  /** @type {OffscreenCanvasRenderingContext2D | null} */ #canvas = null;

  /** @param {number} n @param {Tile} tile @param {ReadableStream<VideoFrame>} readable */
  constructor(n, tile, readable) {
    this.#n = n;
    this.#tile = tile;
    this.#reader = readable.getReader();
    void this.#read();
  }

  /** @param {Whose} whose @param {WritableStream<VideoFrame>} writable */
  add(whose, writable) {
    this.#recipients.push({ ref: whose.ref, marker: new Marker(this.#tile, whose), writer: writable.getWriter(), copy: new Uint8ClampedArray(0) });
    this.#pace = new Pace();
  }

  /** @param {string} ref */
  remove(ref) {
    for (const one of this.#recipients) if (one.ref === ref) void one.writer.close().catch(() => {}); // its track has ended already
    this.#recipients = this.#recipients.filter((one) => one.ref !== ref);
    this.#pace = new Pace();
  }

  close() {
    for (const { ref } of this.#recipients) this.remove(ref);
    void this.#reader.cancel().catch(() => {});
  }

  async #read() {
    for (;;) {
      const { done, value: frame } = await this.#reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || !frame) break;
      const began = performance.now();
      try {
        if (this.#recipients.length) await this.#each(frame);
        this.#faults = 0;
      } catch {
        if (++this.#faults === FAULTS) here.postMessage({ k: "failed", n: this.#n, why: "frame" });
      }
      const seconds = frame.timestamp / 1e6;
      frame.close();
      if (!this.#recipients.length) continue;
      const now = performance.now();
      const numbers = this.#pace.done(now - began, seconds, now);
      if (numbers) here.postMessage({ k: "paced", n: this.#n, numbers });
      for (const { marker } of this.#recipients) marker.ahead();
    }
    this.close();
    here.postMessage({ k: "ended", n: this.#n });
  }

  /** @param {VideoFrame} frame */
  async #each(frame) {
    const { layout, ...picture } = await this.#bytesOf(frame);
    const first = /** @type {PlaneLayout} */ (layout[0]);
    for (const [k, { marker, writer, copy }] of this.#recipients.entries()) {
      let data = picture.data;
      if (k < this.#recipients.length - 1) { // the last one may have the frame's own bytes
        data = copy.length === data.length ? copy : (/** @type {Recipient} */ (this.#recipients[k]).copy = new Uint8ClampedArray(data.length));
        data.set(picture.data);
      }
      marker.mark({ ...picture, data, offset: first.offset, stride: first.stride }, frame.timestamp / 1e6);
      if ((writer.desiredSize ?? 0) <= 0) continue; // the one before has not been taken yet
      const marked = new VideoFrame(data, {
        format: /** @type {VideoPixelFormat} */ (picture.format), codedWidth: picture.width, codedHeight: picture.height, layout,
        displayWidth: frame.displayWidth, displayHeight: frame.displayHeight, timestamp: frame.timestamp, ...about(frame),
      });
      writer.write(marked).catch(() => marked.close());
    }
  }

  /** The bytes of what is to be seen of a frame, as they are where they can be marked so. @param {VideoFrame} frame */
  async #bytesOf(frame) {
    const { format, visibleRect } = frame;
    if (!knows(format) || !visibleRect) return this.#drawn(frame);
    const size = frame.allocationSize();
    if (this.#bytes.length !== size) this.#bytes = new Uint8ClampedArray(size);
    const layout = await frame.copyTo(this.#bytes);
    return { data: this.#bytes, layout, format: /** @type {string} */ (format), width: visibleRect.width, height: visibleRect.height };
  }

  /** Of frames that do not say what they are made of, or are made of more than bytes: drawn, and read as colours. @param {VideoFrame} frame */
  #drawn(frame) {
    const { displayWidth: width, displayHeight: height } = frame;
    let canvas = this.#canvas;
    if (canvas?.canvas.width !== width || canvas.canvas.height !== height) {
      canvas = this.#canvas = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      if (!canvas) throw new TypeError("canvas");
    }
    canvas.drawImage(frame, 0, 0, width, height);
    const { data } = canvas.getImageData(0, 0, width, height);
    return { data, layout: [{ offset: 0, stride: 4 * width }], format: "RGBA", width, height };
  }
}

/** What a frame says of itself beside its bytes, where the browser knows of it. @param {VideoFrame} frame @returns {Partial<VideoFrameBufferInit>} */
function about(frame) {
  const { duration, colorSpace, rotation, flip } = /** @type {VideoFrame & {rotation?: number, flip?: boolean}} */ (frame);
  return /** @type {Partial<VideoFrameBufferInit>} */ ({ ...(duration === null ? {} : { duration }), colorSpace, ...(rotation === undefined ? {} : { rotation, flip }) });
}

/** @type {Promise<Tile> | null} */ let ready = null;
/** @type {Map<number, Camera>} */ const cameras = new Map();

/** Words are heard in their order. @param {Told} told */
async function hear(told) {
  if (told.k === "key") {
    ready = tile(told.key);
    await ready;
    return here.postMessage({ k: "ready" });
  }
  const made = await ready;
  if (!made) return;
  if (told.k === "source") cameras.set(told.n, new Camera(told.n, made, told.readable));
  else if (told.k === "add") cameras.get(told.n)?.add(told.whose, told.writable);
  else if (told.k === "remove") cameras.get(told.n)?.remove(told.ref);
  else {
    cameras.get(told.n)?.close();
    cameras.delete(told.n);
  }
}

here.addEventListener("message", /** @param {MessageEvent<Told>} event */ ({ data }) => {
  hear(data).catch(() => "n" in data && here.postMessage({ k: "failed", n: data.n, why: "worker" })); // without a key, the page's patience ends
});
here.postMessage({ k: "awake" });
