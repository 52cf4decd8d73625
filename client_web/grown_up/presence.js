/**
 * "I am with Maya now": a lease of 90 seconds at the server, renewed from here every 30 s while this page is open. When nobody renews
 * it, it ends by itself, and so does the call that needed it; "I have to go" ends it at once. What is held belongs to this tab: a reload keeps
 * it, closing the tab lets it go. Never touches the DOM.
 */
import { ApiFault, post } from "../shared/api.js";

const KEY = "ringfence.with";
const RENEW_MS = 30_000;

/** @typedef {{ref: string, child: string, name: string}} Held  With whose child, for calls with whom. */

/** @returns {Held[]} */
function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** @type {Map<string, Held>} */
const held = new Map(kept().map((one) => [one.ref, one]));
/** @type {ReturnType<typeof setInterval> | undefined} */
let beat;
/** Something began or ended. @type {() => void} */
let tell = () => {};

/** @param {() => void} listener */
export function onPresence(listener) {
  tell = listener;
  follow();
}

function follow() {
  sessionStorage.setItem(KEY, JSON.stringify([...held.values()]));
  clearInterval(beat);
  if (held.size > 0) beat = setInterval(() => void renewAll(), RENEW_MS);
  tell();
}

async function renewAll() {
  for (const one of [...held.values()]) {
    try {
      await post(`/api/contacts/${encodeURIComponent(one.ref)}/present`);
    } catch (fault) {
      // offline: tried again at the next beat; anything else is the server's no, and then we are not there
      if (fault instanceof ApiFault && fault.code !== "offline" && held.delete(one.ref)) follow();
    }
  }
}

/** With whom this tab is, now. */
export const withNow = () => [...held.values()];

/** @param {string} ref */
export const isWith = (ref) => held.has(ref);

/** @param {Held} one */
export async function beWith(one) {
  await post(`/api/contacts/${encodeURIComponent(one.ref)}/present`);
  held.set(one.ref, one);
  follow();
}

/** @param {string} ref */
export async function goAway(ref) {
  held.delete(ref);
  follow();
  await post(`/api/contacts/${encodeURIComponent(ref)}/absent`);
}

/** Signed out: with nobody any more. The server lets the lease end by itself. */
export function withNobody() {
  held.clear();
  follow();
}
