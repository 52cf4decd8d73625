/**
 * The code of the mark: 32 bits to 192 signs. The same numbers as `server/trace/code.py`, which says why they are these; the reading
 * is there alone. `tests/data/mark_vectors.json` holds both to it, and nothing here may ever change: marks are in recordings.
 */

/** Octal; the highest bit weighs the newest bit of the register. */
const POLYNOMIALS = [0o531, 0o565, 0o755, 0o707, 0o677, 0o431];
const MEMORY = 8;
const BITS = 32;

export const CHIPS = BITS * POLYNOMIALS.length; // 192

/** The parity of the bits of a small number. @param {number} bits */
function parity(bits) {
  let odd = 0;
  for (let left = bits; left; left &= left - 1) odd ^= 1;
  return odd;
}

/** The 192 signs of an id, each +1 or -1. @param {number} id */
export function encode(id) {
  if (!Number.isInteger(id) || id < 0 || id > 0xffffffff) throw new RangeError("an id has 32 bits");
  const chips = new Int8Array(CHIPS);
  let at = 0;
  for (let t = 0; t < BITS; t++) {
    // The register at step t holds bits t, t-1 .. t-8 around the circle, the most significant bit of the id being bit 0.
    let window = 0;
    for (let age = 0; age <= MEMORY; age++) {
      const place = (t - age + BITS) % BITS;
      window |= ((id >>> (BITS - 1 - place)) & 1) << (MEMORY - age);
    }
    for (const one of POLYNOMIALS) chips[at++] = 1 - 2 * parity(window & one);
  }
  return chips;
}
