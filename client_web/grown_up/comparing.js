/**
 * What this browser does while two grown-ups compare pictures (`shared/seal/compare.js`): begin or join, answer each step as it comes,
 * and, when they are the same, sign that the other side's key is the right one. Never touches the page.
 *
 * The random number of a comparison lives in this tab only. A page that is loaded again has lost it, and begins anew: nobody
 * can be shown the pictures of a comparison that they were not in.
 */
import { ApiFault, post } from "../shared/api.js";
import { NotHeld } from "../shared/seal/agree.js";
import { Comparison, oneMoreTry, TRIES } from "../shared/seal/compare.js";
import { sayKnown, signAll, signingKey } from "./signing.js";

/** @typedef {import("./facts.js").Exchange} Exchange */
/** @typedef {"start" | "elsewhere" | "other" | "asked" | "waiting" | "coming" | "pictures" | "same" | "differ" | "broken" | "over"} Stage */
/** @typedef {{id: string, comparison: Comparison, word: "" | "same" | "differ", they: "" | "same" | "differ", known: boolean, broken: boolean, busy: boolean, opened: boolean}} Mine */

/** By contact. @type {Map<string, Mine>} */
const running = new Map();
/** When this browser began or joined, by contact. The server counts too; it is whom this is about. */
const KEPT = "ringfence.pictures";

/** Signed out: know nothing. */
export const forgetComparisons = () => running.clear();

/** @param {string} ref */
const path = (ref) => `/api/contacts/${encodeURIComponent(ref)}/pictures`;

/** @returns {Record<string, number[]>} */
function kept() {
  try {
    const read = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
    return read && typeof read === "object" ? read : {};
  } catch {
    return {};
  }
}

/** @param {string} ref */
const triesOf = (ref) => {
  const found = kept()[ref.slice(2)];
  return Array.isArray(found) ? found.filter(Number.isFinite) : [];
};

/** @param {string} ref @returns {number} how many are left today, as this browser counts */
export const leftHere = (ref) => TRIES - ((oneMoreTry(triesOf(ref), Date.now())?.length ?? TRIES + 1) - 1);

/** @param {string} ref @returns {boolean} there was one left */
function countTry(ref) {
  const tries = oneMoreTry(triesOf(ref), Date.now());
  if (tries) localStorage.setItem(KEPT, JSON.stringify({ ...kept(), [ref.slice(2)]: tries }));
  return tries !== null;
}

/** @param {string} ref @param {string} id @param {Comparison} comparison */
const hold = (ref, id, comparison) => running.set(ref, { id, comparison, word: "", they: "", known: false, broken: false, busy: false, opened: false });

/** Begin. @param {string} ref */
export async function begin(ref) {
  if (!countTry(ref)) throw new ApiFault(429, "slow_down");
  const comparison = await Comparison.begin(signingKey());
  const { id } = await post(path(ref), { commitment: comparison.commitment });
  hold(ref, id, comparison);
}

/** Join what the other side began. What it has committed to is held on to from here. @param {string} ref @param {Exchange} exchange */
export async function join(ref, exchange) {
  if (!countTry(ref)) throw new ApiFault(429, "slow_down");
  const comparison = await Comparison.answer(signingKey(), exchange.commitment ?? "");
  await post(`${path(ref)}/${exchange.id}/answer`, comparison.reveal);
  hold(ref, exchange.id ?? "", comparison);
}

/** "The same" or "not the same". @param {string} ref @param {"same" | "differ"} word */
export async function say(ref, word) {
  const mine = running.get(ref);
  if (!mine?.comparison.pictures) return;
  await post(`${path(ref)}/${mine.id}/${word}`);
  mine.word = word;
  await confirm(ref, mine);
}

/** Sign that this key is theirs. It can wait for the other side's own signature to come. @param {string} ref @param {Mine} mine */
async function confirm(ref, mine) {
  if (mine.word !== "same" || mine.known) return;
  await signAll();
  mine.known = await sayKnown(ref, { checked: true, key: mine.comparison.theirKey ?? "" }).catch((fault) => {
    if (fault instanceof ApiFault) return false;
    throw fault;
  });
}

/** Do what comes next, if anything does. @param {string} ref @param {Exchange} exchange @returns {Promise<boolean>} something was done */
export async function advance(ref, exchange) {
  const mine = running.get(ref);
  if (!mine || mine.busy) return false;
  if (exchange.id !== mine.id) {
    if (exchange.id !== null) running.delete(ref); // somebody began anew
    else if (mine.word === "same" && !mine.known) await confirm(ref, mine);
    return false;
  }
  if (exchange.they_said) mine.they = exchange.they_said;
  mine.busy = true;
  try {
    if (mine.word === "same" && !mine.known) await confirm(ref, mine);
    if (mine.broken || exchange.key === null || exchange.random === null) return false;
    const before = mine.comparison.pictures;
    await mine.comparison.hear({ key: exchange.key, random: exchange.random });
    const toOpen = mine.comparison.first && exchange.step === "answered" && !mine.opened; // what was read before it was opened says "answered" still
    if (toOpen) {
      await post(`${path(ref)}/${mine.id}/open`, mine.comparison.reveal);
      mine.opened = true;
    }
    return toOpen || !before;
  } catch (fault) {
    if (!(fault instanceof NotHeld)) throw fault;
    mine.broken = true; // what came is not what was promised: as good as "not the same", and the other side hears of it
    await post(`${path(ref)}/${mine.id}/differ`).catch(() => null);
    return true;
  } finally {
    mine.busy = false;
  }
}

/** Where this browser is in it. @param {string} ref @param {Exchange} exchange @returns {Stage} */
export function stageOf(ref, exchange) {
  const mine = running.get(ref);
  if (exchange.step === "none") return !mine ? "start" : mine.broken ? "broken" : mine.word || (mine.they === "differ" ? "differ" : "over");
  if (exchange.part === "other") return "other";
  if (mine?.id !== exchange.id) return exchange.part === "second" && exchange.step === "committed" ? "asked" : "elsewhere";
  if (mine.broken) return "broken";
  if (mine.word === "differ" || exchange.they_said === "differ") return "differ";
  if (exchange.step === "committed") return "waiting";
  if (!mine.comparison.pictures) return "coming";
  return mine.word || "pictures";
}

/** What is shown, and how it went. @param {string} ref */
export function found(ref) {
  const mine = running.get(ref);
  return { pictures: mine?.comparison.pictures ?? [], they: mine?.they ?? "", mine: mine?.word ?? "", known: mine?.known ?? false };
}

/** Put it away, to begin again. @param {string} ref */
export const putAway = (ref) => running.delete(ref);
