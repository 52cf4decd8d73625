/**
 * Whether the two grown-ups of a contact have compared pictures, as this browser can see from what is signed: our family's `knows`, against
 * whoever signs for the other side today. Never touches the page. Signatures take a moment, so an answer is remembered by what it is
 * about, and the pages are told when it is there.
 */
import { readKnows, readRoster } from "../shared/seal/roster.js";
import { toSign } from "./signing.js";

/** "": not known, or nothing is signed there yet. @typedef {"" | "not" | "compared" | "changed"} Standing */

/** @type {Map<string, Standing>} */
const seen = new Map();
let tell = () => {};

/** An answer has come. @param {() => void} listener */
export const onCompared = (listener) => { tell = listener; };

/** @param {string} ref `k_…` or `g_…` @returns {Standing} */
export function standingOf(ref) {
  const one = toSign(ref);
  if (!one) return "";
  const key = JSON.stringify([one.contact, one.side, one.roster, one.theirs, one.knows]);
  const known = seen.get(key);
  if (known !== undefined) return known;
  seen.set(key, "");
  void judge(one).then((standing) => {
    seen.set(key, standing);
    tell();
  });
  return "";
}

/** @param {import("./signing.js").ToSign} one @returns {Promise<Standing>} */
async function judge({ contact, side, roster, theirs, knows }) {
  const there = { contact, side: side === "a" ? "b" : "a" };
  try {
    if (!knows) return "not";
    const yes = await readKnows(knows, there);
    const ours = roster ? await readRoster(roster, { contact, side }) : null;
    if (!yes.checked || yes.guardian !== ours?.guardian) return "not"; // nobody's word but our own family's
    if (!theirs) return "compared";
    return (await readRoster(theirs, there)).guardian === yes.key ? "compared" : "changed";
  } catch {
    return "not"; // what does not hold was not said
  }
}
