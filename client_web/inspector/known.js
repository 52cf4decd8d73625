/**
 * What these pages know, and where they heard it: everything below /api/inspector, and nothing else. An inspector's sign-in reaches no family.
 *
 * A page asks for a fact while it draws (`look("rules")`). What is not known yet is fetched, and the page is drawn again when it comes.
 * Nothing is kept beyond the page. Never touches the DOM.
 */
import { ApiFault, get } from "../shared/api.js";

/** @typedef {import("./facts.js").Facts} Facts */
/** @typedef {keyof Facts} Source */

/** Where the inspector's API is. */
export const API = "/api/inspector";

/** @type {Map<string, unknown>} */
const found = new Map();
/** @type {Map<string, ApiFault>} */
const faults = new Map();
/** @type {Set<string>} */
const asked = new Set();
let generation = 0;

/** Something is known that was not. @type {() => void} */
let tell = () => {};

/** @param {() => void} listener */
export function listen(listener) {
  tell = listener;
}

/**
 * A fact, or undefined while it is not known. Asking for it is enough to have it fetched. `about`: what comes after its name in the address.
 * @template {Source} S
 * @param {S} source @param {string} [about]
 * @returns {Facts[S] | undefined}
 */
export function look(source, about = "") {
  const key = `${source}${about}`;
  if (!found.has(key) && !faults.has(key) && !asked.has(key)) void fetchFact(key);
  return /** @type {Facts[S] | undefined} */ (found.get(key));
}

/** Why a fact is not known, if asking for it failed. @param {Source} source @param {string} [about] */
export const faultOf = (source, about = "") => faults.get(`${source}${about}`);

/** Fetch a fact again. @param {Source} source @param {string} [about] */
export const renew = (source, about = "") => fetchFact(`${source}${about}`);

/** Ask again for all that could not be fetched. */
export const again = () => Promise.all([...faults.keys()].map(fetchFact));

/** Somebody else is signed in now, or nobody: know nothing. */
export function forget() {
  generation += 1;
  found.clear();
  faults.clear();
  asked.clear();
}

/** @param {string} key */
async function fetchFact(key) {
  if (asked.has(key)) return;
  const mine = generation;
  asked.add(key);
  try {
    const answer = await get(`${API}/${key}`);
    if (mine !== generation) return;
    found.set(key, answer);
    faults.delete(key);
  } catch (fault) {
    if (mine !== generation) return;
    if (!(fault instanceof ApiFault)) throw fault;
    if (fault.code === "not_signed_in" && !key.startsWith("session")) {
      // the sign-in has ended meanwhile: nothing of it stays on the screen
      forget();
      return;
    }
    if (fault.code !== "offline") found.delete(key);
    faults.set(key, fault);
  } finally {
    if (mine === generation) asked.delete(key);
    tell();
  }
}
