/**
 * What these pages know, and where they heard it.
 *
 * A page asks for a fact while it draws (`look("decisions")`). What is not known yet is fetched and the page is drawn again when
 * it comes; what the server calls changed is fetched again. So no page keeps a copy of its own that could be older than another's.
 * Nothing is kept beyond the page: no storage, no cache. Never touches the DOM.
 */
import { ApiFault, get } from "../shared/api.js";

/** @typedef {import("./facts.js").Facts} Facts */
/** @typedef {keyof Facts} Source */
/** @typedef {import("../shared/protocol.js").Changed["what"][number]} Changed */

/** Where each fact is; `about` is a child's id for the facts about one child. @type {Record<Source, (about: string) => string>} */
const ADDRESSES = {
  me: () => "/api/me",
  family: () => "/api/family",
  decisions: () => "/api/decisions",
  contacts: (child) => `/api/children/${encodeURIComponent(child)}/contacts`,
  devices: () => "/api/devices",
  sessions: () => "/api/sessions",
  live: () => "/api/calls/live",
  history: (child) => `/api/history?child=${encodeURIComponent(child)}`,
  people: () => "/api/people",
  limits: (child) => `/api/children/${encodeURIComponent(child)}/limits`,
  toAllow: () => "/api/calls/to-allow",
  blocks: () => "/api/blocks",
  pictures: (ref) => `/api/contacts/${encodeURIComponent(ref)}/pictures`,
};

/** What grows old when the server says that something has changed. @type {Record<Changed, Source[]>} */
const GROWN_OLD = {
  people: ["people", "contacts", "blocks", "pictures"],
  asks: ["decisions", "contacts"],
  decisions: ["decisions", "contacts"],
  family: ["me", "family", "contacts", "devices", "limits"],
  calls: ["live", "history", "toAllow", "contacts"],
  sessions: ["sessions", "devices"],
};

/** @type {Map<string, unknown>} */
const found = new Map();
/** @type {Map<string, ApiFault>} */
const faults = new Map();
/** Being asked for now; true when it grew old again meanwhile. @type {Map<string, boolean>} */
const asked = new Map();
let generation = 0;

/** Something is known that was not, or is known better. @type {() => void} */
let tell = () => {};
/** The server does not know this sign-in any more. @type {() => void} */
let signedOut = () => {};

/** @param {{news: () => void, signedOut: () => void}} listener */
export function listen(listener) {
  tell = listener.news;
  signedOut = listener.signedOut;
}

/**
 * A fact, or undefined while it is not known. Asking for it is enough to have it fetched.
 * @template {Source} S
 * @param {S} source @param {string} [about]
 * @returns {Facts[S] | undefined}
 */
export function look(source, about = "") {
  const key = `${source} ${about}`;
  if (!found.has(key) && !faults.has(key) && !asked.has(key)) void fetchFact(key);
  return /** @type {Facts[S] | undefined} */ (found.get(key));
}

/** Why a fact is not known, if asking for it failed. @param {Source} source @param {string} [about] */
export const faultOf = (source, about = "") => faults.get(`${source} ${about}`);

/**
 * Fetch these again, where somebody has looked at them. Resolves when they are here.
 * @param {...Source} sources
 */
export async function renew(...sources) {
  const keys = [...new Set([...found.keys(), ...faults.keys()])].filter((key) => sources.some((source) => key.startsWith(`${source} `)));
  await Promise.all(keys.map(fetchFact));
}

/** The server says that something changed. @param {Changed[]} what */
export const grownOld = (what) => renew(...new Set(what.flatMap((one) => GROWN_OLD[one] ?? [])));

/** Fetch everything again that any page has looked at. */
export const renewAll = () => renew(.../** @type {Source[]} */ (Object.keys(ADDRESSES)));

/** Somebody else is signed in now, or nobody: know nothing. */
export function forget() {
  generation += 1;
  found.clear();
  faults.clear();
  asked.clear();
}

/** @param {string} key */
async function fetchFact(key) {
  if (asked.has(key)) {
    asked.set(key, true);
    return;
  }
  const mine = generation;
  asked.set(key, false);
  const [source = "", about = ""] = key.split(" ");
  try {
    const answer = await get(ADDRESSES[/** @type {Source} */ (source)](about));
    if (mine !== generation) return;
    found.set(key, answer);
    faults.delete(key);
  } catch (fault) {
    if (mine !== generation) return;
    if (!(fault instanceof ApiFault)) throw fault;
    if (fault.code === "not_signed_in" && source !== "me") return signedOut();
    // what was known stays known when only the internet is gone; anything else the server refused is not ours to show any longer
    if (fault.code !== "offline") found.delete(key);
    faults.set(key, fault);
  } finally {
    if (mine === generation) {
      const again = asked.get(key);
      asked.delete(key);
      if (again) void fetchFact(key);
    }
  }
  tell();
}
