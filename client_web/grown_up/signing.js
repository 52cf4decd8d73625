/**
 * What this browser signs for its grown-up: which devices of an own child, or of their own, may talk with whom; and whom of the others
 * they know. Never touches the page.
 *
 * A device is signed only after a hand here said yes to it: by pairing it (`expect`), or by pressing Sign (`signDevice`). The list of
 * those is kept in this browser, not at the server, which could put in a device of its own. For these devices every contact that was
 * approved is signed without another press, and whoever is signed out is taken out of every roster.
 *
 * A side that another browser signs for is left alone: the other family would not know this one's signature, and would have to
 * say yes to it first. `takeOver` does it all the same, after a question.
 */
import { ApiFault, get, post } from "../shared/api.js";
import { introduce } from "../shared/identity.js";
import { readRoster } from "../shared/seal/roster.js";

/** @typedef {{id: string, key: string | null, label: string, this: boolean}} DeviceKey */
/** @typedef {{contact: string, side: string, ref: string, name: string, roster: string | null, theirs: string | null, changed: boolean, knows: string | null}} ToSign */
/** @typedef {{child: string | null, name: string, devices: DeviceKey[], contacts: ToSign[]}} Signed */
/** @typedef {{key: string | null, people: Signed[]}} Desk */
/** "": it has told no key yet. @typedef {"" | "signed" | "waits"} State */

/** How often it is looked whether a device that was just paired has come: soon at first, then seldom. The server says it too. */
const LOOK_MS = 1500;
const LOOK_SELDOM_MS = 15_000;
const SOON_MS = 60_000;
/** So long a pairing may take: the words are good for ten minutes. */
const EXPECT_MS = 600_000;

/** @type {{own: string, ring: import("../shared/seal/ring.js").Ring, key: string} | null} */ let here = null;
/** @type {Desk | null} */ let desk = null;
/** What a hand here said yes to, by whose; "" are one's own. @type {Map<string, Set<string>>} */ const allowed = new Map();
/** Children for whom another browser signs. @type {Set<string>} */ const elsewhere = new Set();
/** A pairing that was said yes to: the devices of before. @type {Map<string, {before: Set<string>, until: number}>} */ const expected = new Map();
/** @type {Promise<void>} */ let line = Promise.resolve();
/** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
let starting = "";
let tell = () => {};

/** Something is signed, or waits. @param {() => void} listener */
export const onSigning = (listener) => { tell = listener; };

/** Begin for whoever is signed in. Safe to say at every drawing. @param {string | undefined} own */
export async function beginSigning(own) {
  if (!own || own === here?.own || own === starting) return;
  starting = own;
  try {
    const made = await introduce(own);
    if (starting !== own || !made) return;
    here = { own, ...made };
    await signAll();
  } catch (fault) {
    if (!(fault instanceof ApiFault)) throw fault;
    starting = ""; // not reached: tried again at the next drawing
  }
}

/** Nobody is signed in here any more. */
export function stopSigning() {
  here?.ring.close();
  clearTimeout(timer);
  here = desk = null;
  starting = "";
  allowed.clear();
  elsewhere.clear();
  expected.clear();
}

/** Look at what there is, and sign what a hand here said yes to. One after the other. */
export function signAll() {
  line = line.then(signNow).catch((fault) => {
    if (!(fault instanceof ApiFault)) throw fault; // offline, or something changed meanwhile: the next look signs it
  });
  return line;
}

async function signNow() {
  const me = here;
  if (!me) return;
  /** @type {Desk} */ const found = await get("/api/rosters");
  let more = false;
  elsewhere.clear();
  for (const person of found.people) {
    await learn(me, person);
    for (const contact of person.contacts) more = (await signOne(me, person, contact)) || more;
  }
  if (me !== here) return;
  desk = more ? await get("/api/rosters") : found;
  clearTimeout(timer);
  const soon = [...expected.values()].some(({ until }) => until - EXPECT_MS + SOON_MS > Date.now());
  if (expected.size) timer = setTimeout(() => void signAll(), soon ? LOOK_MS : LOOK_SELDOM_MS);
  tell();
}

/** What a hand said yes to, with the device that was paired just now. @param {NonNullable<typeof here>} me @param {Signed} person */
async function learn(me, { child, devices }) {
  const whose = child ?? "";
  const yes = allowed.get(whose) ?? new Set(await me.ring.signed(whose));
  if (whose === "") yes.add(me.key);
  allowed.set(whose, yes);
  const pairing = expected.get(whose);
  if (!pairing) return;
  const fresh = devices.filter(({ id }) => !pairing.before.has(id));
  if (Date.now() > pairing.until || fresh.length > 1) expected.delete(whose); // of two nobody knows which one it was: a press says it
  const key = fresh.length === 1 ? fresh[0]?.key : null;
  if (!key) return;
  expected.delete(whose);
  await allow(me, whose, [...yes, key]);
}

/** @param {NonNullable<typeof here>} me @param {string} whose @param {string[]} keys */
async function allow(me, whose, keys) {
  allowed.set(whose, new Set(keys));
  await me.ring.setSigned(whose, keys);
}

/** @param {NonNullable<typeof here>} me @param {Signed} person @param {ToSign} contact @returns {Promise<boolean>} it was signed anew */
async function signOne(me, { child, devices }, { contact, side, roster }) {
  const whose = child ?? "";
  const yes = allowed.get(whose) ?? new Set();
  const keys = [...new Set(devices.flatMap(({ key }) => (key && yes.has(key) ? [key] : [])))].sort();
  const kept = roster === null ? null : await readRoster(roster, { contact, side }).catch(() => null);
  if (kept && kept.guardian !== me.key) {
    elsewhere.add(whose);
    return false;
  }
  if (kept ? kept.devices.join() === keys.join() : keys.length === 0) return false;
  await sign(me, { contact, side, devices: keys, after: kept?.serial ?? 0 });
  return true;
}

/** @param {NonNullable<typeof here>} me @param {{contact: string, side: string, devices: string[], after: number}} what */
async function sign(me, { contact, side, devices, after }) {
  const now = Date.now();
  const words = { v: 1, t: "roster", contact, side, devices, guardian: me.key, serial: Math.max(now, after + 1), at: now };
  await post("/api/rosters", { body: await me.ring.statement(words) });
}

// -- what a hand says --------------------------------------------------------------------------------------------------

/** A device of this child was said yes to; it will come and tell its key. @param {string} child */
export async function expect(child) {
  if (!here) return;
  /** @type {Desk} */ const found = await get("/api/rosters");
  const before = new Set(found.people.find((one) => one.child === child)?.devices.map(({ id }) => id) ?? []);
  expected.set(child, { before, until: Date.now() + EXPECT_MS });
}

/** The pairing was said yes to: look until the device is there. */
export const awaited = () => void signAll();

/** Yes to this device, for all contacts. @param {string} whose a child's id, or "" @param {string} id */
export async function signDevice(whose, id) {
  const key = personOf(whose)?.devices.find((one) => one.id === id)?.key;
  if (!here || !key) return;
  await allow(here, whose, [...(allowed.get(whose) ?? []), key]);
  await signAll();
}

/** From here on this browser signs for all devices of this child that are there. @param {string} whose */
export async function takeOver(whose) {
  const [me, person] = [here, personOf(whose)];
  if (!me || !person) return;
  await allow(me, whose, person.devices.flatMap(({ key }) => (key ? [key] : [])));
  const devices = [...(allowed.get(whose) ?? [])].sort();
  for (const { contact, side, roster } of person.contacts) {
    const kept = roster === null ? null : await readRoster(roster, { contact, side }).catch(() => null);
    await sign(me, { contact, side, devices, after: kept?.serial ?? 0 });
  }
  elsewhere.delete(whose);
  await signAll();
  // a child's grown-up is often their contact too: nobody is asked whether they have told themself about their own browser
  for (const { ref } of newBrowsers()) await sayKnown(ref, { key: me.key });
}

/**
 * Whoever signs for the other side of this contact is the one that this grown-up means. `checked`: they have compared pictures.
 * @param {string} ref `k_…` or `g_…` @param {{checked?: boolean, key?: string}} [how] `key`: only if it is this one
 */
export async function sayKnown(ref, { checked = false, key = "" } = {}) {
  const [me, one] = [here, toSign(ref)];
  if (!me || !one?.theirs) return false;
  const side = one.side === "a" ? "b" : "a";
  const theirs = await readRoster(one.theirs, { contact: one.contact, side }).catch(() => null);
  if (!theirs || (key && theirs.guardian !== key)) return false;
  const words = { v: 1, t: "knows", contact: one.contact, side, key: theirs.guardian, checked, guardian: me.key, at: Date.now() };
  await post("/api/known-keys", { body: await me.ring.statement(words) });
  await signAll();
  return true;
}

// -- what pages show ---------------------------------------------------------------------------------------------------

/** @param {string} whose */
const personOf = (whose) => desk?.people.find((one) => (one.child ?? "") === whose);

/** What is signed for a contact, by any of its refs. @param {string} ref */
export const toSign = (ref) => desk?.people.flatMap((one) => one.contacts).find((one) => one.ref.slice(2) === ref.slice(2));

/** How it stands with a device. @param {string} whose a child's id, or "" @param {string} id @returns {State} */
export function stateOf(whose, id) {
  const key = personOf(whose)?.devices.find((one) => one.id === id)?.key;
  return !key ? "" : allowed.get(whose)?.has(key) ? "signed" : "waits";
}

/** Whether another browser signs for this child. @param {string} whose */
export const signedElsewhere = (whose) => elsewhere.has(whose) && (personOf(whose)?.contacts.length ?? 0) > 0;

/** Whether another browser signs for this side of a contact: what this one says counts on none of its devices. @param {string} ref */
export const notHeardFrom = (ref) => {
  const person = desk?.people.find((one) => one.contacts.some((contact) => contact.ref.slice(2) === ref.slice(2)));
  return person !== undefined && signedElsewhere(person.child ?? "");
};

/**
 * Contacts whose other side somebody else signs for than at first: calls wait for a yes. Where another browser of the family signs, it is said
 * there, and this one's reader is told so.
 * @returns {{ref: string, name: string}[]}
 */
export const newBrowsers = () => (desk?.people ?? []).flatMap((person) => person.contacts.filter((one) => one.changed));

/**
 * Devices of one's children that nobody has signed for: calls on them wait for a yes that can be said in this browser. In the demo that is so
 * only once a browser has begun to sign: before, the server does, when there is a call.
 * @param {boolean} demo
 * @returns {{child: string, name: string, id: string, label: string}[]}
 */
export const newDevices = (demo) => (desk?.people ?? []).flatMap(({ child, name, devices, contacts }) => (
  child === null || contacts.length === 0 || signedElsewhere(child) || (demo && contacts.every(({ roster }) => roster === null))
  ? [] : devices.filter(({ id }) => stateOf(child, id) === "waits").map(({ id, label }) => ({ child, name, id, label }))));

/** The key of this browser; empty while it is not known, or where none can be kept. */
export const signingKey = () => here?.key ?? "";

/** Whether there is anybody to sign for. @param {string} whose */
export const hasContacts = (whose) => (personOf(whose)?.contacts.length ?? 0) > 0;
