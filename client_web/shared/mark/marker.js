/**
 * One recipient's mark, put on the bytes of a picture. Knows the layouts in which browsers hand out pictures; knows no browser.
 *
 * Luma planes (I420, NV12 and their like) are marked to the byte as `server/trace/pattern.py` says. Where a picture comes in red, green
 * and blue, all three are moved alike: that moves the shade and leaves the colour.
 */
import { COLOUR_32NDS, LUMA_32NDS, Pictures, level } from "./pattern.js";

/** @typedef {import("./types.js").Tile} Tile */
/** @typedef {import("./types.js").Picture} Picture */

/** The first plane is luma, one byte a pixel. */
const PLANAR = new Set(["I420", "I420A", "I422", "I422A", "I444", "I444A", "NV12"]);
/** Four bytes a pixel, the first three are colours. */
const PACKED = new Set(["RGBA", "RGBX", "BGRA", "BGRX"]);

/** @param {string | null} format of a VideoFrame; null: the browser does not say */
export const knows = (format) => format !== null && (PLANAR.has(format) || PACKED.has(format));

export class Marker {
  #tile;
  #id;
  #quarter;
  /** Of the size that came last: a camera keeps its size. @type {Pictures | null} */ #pictures = null;
  #amplitude = 0;

  /** @param {Tile} tile @param {{id: number, quarter: number}} whose */
  constructor(tile, { id, quarter }) {
    this.#tile = tile;
    this.#id = id;
    this.#quarter = quarter;
  }

  /** Mark these bytes where they lie. @param {Picture} picture @param {number} seconds the picture's own timestamp */
  mark({ data, format, width, height, offset, stride }, seconds) {
    const packed = PACKED.has(format);
    if (!packed && !PLANAR.has(format)) throw new TypeError("format");
    const amplitude = packed ? COLOUR_32NDS : LUMA_32NDS;
    let pictures = this.#pictures;
    if (pictures?.width !== width || pictures.height !== height || this.#amplitude !== amplitude) {
      pictures = this.#pictures = new Pictures(this.#tile, this.#id, { width, height, amplitude });
      this.#amplitude = amplitude;
    }
    const add = pictures.at(level(seconds, this.#quarter));
    const size = packed ? 4 * width : width;
    if (stride < size || offset + (height - 1) * stride + size > data.length) throw new RangeError("layout");
    if (packed) addToColours(data, add, { width, height, offset, stride });
    else addToLuma(data, add, { width, height, offset, stride });
  }

  /** Between two frames: make ready what a later one will need. In the first second there is something to do. */
  ahead() {
    this.#pictures?.ahead();
  }
}

/** @typedef {{width: number, height: number, offset: number, stride: number}} Layout */

// A Uint8ClampedArray clamps by itself what is stored in it; that is all the clamping there is.

/** @param {Uint8ClampedArray} data @param {Int8Array} add @param {Layout} layout */
function addToLuma(data, add, { width, height, offset, stride }) {
  for (let y = 0, from = 0; y < height; y++) {
    const begin = offset + y * stride;
    for (let to = begin; to < begin + width; to++, from++) data[to] = /** @type {number} */ (data[to]) + /** @type {number} */ (add[from]);
  }
}

/** @param {Uint8ClampedArray} data @param {Int8Array} add @param {Layout} layout */
function addToColours(data, add, { width, height, offset, stride }) {
  for (let y = 0, from = 0; y < height; y++) {
    const begin = offset + y * stride;
    for (let to = begin; to < begin + 4 * width; to += 4, from++) {
      const more = /** @type {number} */ (add[from]);
      data[to] = /** @type {number} */ (data[to]) + more;
      data[to + 1] = /** @type {number} */ (data[to + 1]) + more;
      data[to + 2] = /** @type {number} */ (data[to + 2]) + more;
    }
  }
}
