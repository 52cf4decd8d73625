/**
 * The pattern of the mark: where the deployment's key puts each sign, and the whole numbers that are added to a picture. The formula, and
 * the reason for every constant, is in `server/trace/pattern.py`; here are the same bytes (`tests/data/mark_vectors.json`).
 * No page, no frame and no clock in here.
 */
import { CHIPS, encode } from "./code.js";

export const KEY_BYTES = 32;
const CELLS = 16;
const PILOTS = CELLS * CELLS - CHIPS; // 64
/** Cells along the longer side of the picture. */
const ACROSS = 80;
export const LEVELS = 12;
const HZ = 1;
const [DITHER_ROWS, DITHER_COLUMNS] = [61, 67];
/** Softening of the edges: [widest cell in pixels, half of the taps in 256ths]. @type {[number, number[]][]} */
const TAPS = [[5, [202, 27]], [11, [102, 62, 14, 1]], [Infinity, [50, 45, 31, 17, 7, 2, 1]]];

/**
 * How strong the mark is, in 32nds of a step. In video, black to white is 219 steps; in the red, green and blue of a screen it is 255,
 * so there the same shade takes 255/219 of it.
 */
export const LUMA_32NDS = 103;
export const COLOUR_32NDS = 120;

/** @typedef {import("./types.js").Tile} Tile */

/** A number of a typed array that is known to be there. @param {{[n: number]: number}} array @param {number} n */
const at = (array, n) => /** @type {number} */ (array[n]);

/** The key as the server sends it. @param {string} text base64url, 32 bytes @returns {Uint8Array<ArrayBuffer>} */
export function keyFrom(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  if (bytes.length !== KEY_BYTES) throw new RangeError("the key of the mark has 32 bytes");
  return bytes;
}

/** What the key says. @param {Uint8Array<ArrayBuffer>} key @returns {Promise<Tile>} */
export async function tile(key) {
  if (key.length !== KEY_BYTES) throw new RangeError("the key of the mark has 32 bytes");
  const material = await crypto.subtle.importKey("raw", key, "HKDF", false, ["deriveBits"]);
  /** @param {string} label @param {number} length */
  const stream = async (label, length) => {
    const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: new TextEncoder().encode(label) };
    return new Uint8Array(await crypto.subtle.deriveBits(how, material, 8 * length));
  };
  // Fisher and Yates's shuffle, from the top, each draw a big-endian 32-bit number modulo what is left.
  const draws = new DataView((await stream("ringfence mark 1 places", 4 * CELLS * CELLS)).buffer);
  const cells = Uint8Array.from({ length: CELLS * CELLS }, (_, n) => n);
  for (let top = CELLS * CELLS - 1; top > 0; top--) {
    const other = draws.getUint32(4 * top) % (top + 1);
    [cells[top], cells[other]] = [at(cells, other), at(cells, top)];
  }
  // One bit a cell, the most significant first; 0 is +1. The first 64 of the shuffled cells are the pilots.
  const bits = await stream("ringfence mark 1 signs", (CELLS * CELLS) / 8);
  const signs = Int8Array.from(cells, (_, n) => 1 - 2 * ((at(bits, n >> 3) >> (7 - (n & 7))) & 1));
  return { cells, signs, dither: await stream("ringfence mark 1 dither", DITHER_ROWS * DITHER_COLUMNS) };
}

/** The 16 x 16 signs that carry this id, row by row. @param {Tile} tile @param {number} id */
export function signsOf({ cells, signs }, id) {
  const chips = encode(id);
  const laid = new Int8Array(CELLS * CELLS);
  for (let n = 0; n < CELLS * CELLS; n++) laid[at(cells, n)] = at(signs, n) * (n < PILOTS ? 1 : at(chips, n - PILOTS));
  return laid;
}

/** The softened pattern over the whole picture, in 65,536ths. @param {Int8Array} signs @param {number} width @param {number} height */
export function shape(signs, width, height) {
  const longer = Math.max(width, height);
  const taps = /** @type {[number, number[]]} */ (TAPS.find(([widest]) => Math.floor(longer / ACROSS) <= widest))[1];
  const reach = taps.length - 1;
  /** Which cell of the tile a pixel is in; pixels before the edge too. @param {number} pixel */
  const cell = (pixel) => (((Math.floor((pixel * ACROSS) / longer) % CELLS) + CELLS) % CELLS);
  // Row by row first: the tile has only 16 different rows.
  const across = new Int32Array(CELLS * width);
  for (let x = 0; x < width; x++) {
    for (let k = -reach; k <= reach; k++) {
      const column = cell(x + k);
      const tap = at(taps, Math.abs(k));
      for (let row = 0; row < CELLS; row++) across[row * width + x] = at(across, row * width + x) + tap * at(signs, row * CELLS + column);
    }
  }
  const plane = new Int32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let k = -reach; k <= reach; k++) {
      const tap = at(taps, Math.abs(k));
      const from = cell(y + k) * width;
      for (let x = 0, to = y * width; x < width; x++, to++) plane[to] = at(plane, to) + tap * at(across, from + x);
    }
  }
  return plane;
}

/** m at this timestamp: a cosine in 12 steps each way, once a second. @param {number} seconds @param {number} quarter of a turn, 0 to 3 */
export function level(seconds, quarter) {
  return Math.floor(LEVELS * Math.cos(2 * Math.PI * (seconds * HZ + quarter / 4)) + 0.5);
}

/** The 25 pictures q_m of one id in one size. Each is made when it is first needed or, one at a time, ahead: no frame waits for all of them. */
export class Pictures {
  #plane;
  #dither;
  #amplitude;
  /** @type {Map<number, Int8Array>} by m */ #made = new Map();

  /** @param {Tile} tile @param {number} id @param {{width: number, height: number, amplitude: number}} size */
  constructor(tile, id, { width, height, amplitude }) {
    this.width = width;
    this.height = height;
    this.#amplitude = amplitude;
    this.#dither = tile.dither;
    this.#plane = shape(signsOf(tile, id), width, height);
  }

  /** What is added at this level, row by row. @param {number} m -12 to 12 */
  at(m) {
    let made = this.#made.get(m);
    if (!made) this.#made.set(m, (made = this.#make(m)));
    return made;
  }

  /** Make one that is missing, while there is time. */
  ahead() {
    if (this.#made.size > 2 * LEVELS) return;
    for (let m = -LEVELS; m <= LEVELS; m++) if (!this.#made.has(m)) return void this.at(m);
  }

  /** @param {number} m */
  #make(m) {
    const { width, height } = this;
    const plane = this.#plane;
    const made = new Int8Array(width * height);
    // floor(A * m/12 * p + d), over one denominator: every number is whole and below 2^28, so the division cannot round wrongly.
    const one = LEVELS * 32 * 65536;
    const gain = this.#amplitude * m;
    for (let y = 0, n = 0; y < height; y++) {
      const row = (y % DITHER_ROWS) * DITHER_COLUMNS;
      for (let x = 0, column = 0; x < width; x++, n++) {
        made[n] = Math.floor((gain * at(plane, n) + (2 * at(this.#dither, row + column) + 1) * (one / 512)) / one);
        if (++column === DITHER_COLUMNS) column = 0;
      }
    }
    return made;
  }
}
