/** The shapes that the parts of marking pass to each other, and what TypeScript's DOM library does not know of camera frames. */

/** What the key says: the shuffled cells (64 pilots first), a sign for each in that order, and the dither. */
export type Tile = { cells: Uint8Array; signs: Int8Array; dither: Uint8Array };

/** Bytes of a picture and where in them its first plane lies. */
export type Picture = {
  data: Uint8ClampedArray<ArrayBuffer>;
  format: string;
  width: number;
  height: number;
  offset: number;
  stride: number;
};

export type Whose = { ref: string; id: number; quarter: number };

/** How it goes: milliseconds a picture, for all recipients of it together, and pictures a second. */
export type Numbers = { p50: number; p99: number; fps: number; slow: boolean };

/**
 * Why somebody's picture is not marked. `none`: this browser can do it neither way. `canvas`: it changes what is read from a canvas.
 * `key`, `id`: what was given is not one. `frame`: pictures could not be read. `worker`: it did not come, or broke. `slow`: it does not keep up.
 * And why there is no track, which is nobody's fault. `ended`: the camera was shut. `stopped`: we were, or that recipient was undressed.
 */
export type Why = "none" | "canvas" | "key" | "id" | "ended" | "frame" | "worker" | "slow" | "stopped";

/** A camera that is read once for all who are to receive it. */
export interface Source {
  add(whose: Whose): Promise<MediaStreamTrack>;
  remove(ref: string): void;
  close(): void;
}

/** What a source tells: how it goes; that nothing of it can be marked any more; that its camera has ended. */
export type Hears = { paced(numbers: Numbers): void; failed(why: Why): void; ended(): void };

/** To the worker. `n` is the number of a source. */
export type Told =
  | { k: "key"; key: Uint8Array<ArrayBuffer> }
  | { k: "source"; n: number; readable: ReadableStream<VideoFrame> }
  | { k: "add"; n: number; whose: Whose; writable: WritableStream<VideoFrame> }
  | { k: "remove"; n: number; ref: string }
  | { k: "close"; n: number };

/** From the worker. */
export type Said =
  | { k: "awake" }
  | { k: "ready" }
  | { k: "paced"; n: number; numbers: Numbers }
  | { k: "failed"; n: number; why: Why }
  | { k: "ended"; n: number };

declare global {
  /** Chromium, on the page; its streams may be passed to a worker. */
  class MediaStreamTrackProcessor {
    constructor(init: { track: MediaStreamTrack; maxBufferSize?: number });
    readonly readable: ReadableStream<VideoFrame>;
  }
  class MediaStreamTrackGenerator extends MediaStreamTrack {
    constructor(init: { kind: "video" });
    readonly writable: WritableStream<VideoFrame>;
  }
}
