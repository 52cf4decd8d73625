/**
 * What stays in this browser profile between calls: identities, whose private halves cannot be exported, and who was met. Only the
 * seal worker opens it. Clearing the site's data clears it; the others then see a changed identity.
 */

import { makeIdentity } from "./agree.js";

/** @typedef {import("./types.js").Vault} Vault */

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("store"));
  });

/** @returns {Promise<IDBDatabase>} */
function store() {
  const opening = indexedDB.open("ringfence-seal", 2);
  opening.onupgradeneeded = () => {
    const db = opening.result;
    if (db.objectStoreNames.contains("pins")) db.deleteObjectStore("pins"); // of before there were rosters
    if (!db.objectStoreNames.contains("identities")) db.createObjectStore("identities"); // the person here: a pair whose private half cannot be exported
    db.createObjectStore("met"); // [the person here, ref]: whose signature stood under the first roster, for which contact, how new
    db.createObjectStore("own"); // the person here, a child: the key of the grown-up's browser that paired this device
    db.createObjectStore("signed"); // [the person here, whose]: the devices that this browser signs for
  };
  return done(opening);
}

/** Throws where this browser keeps nothing. */
export const openStore = async () => (await store()).close();

/** @type {Vault} */
export const vault = {
  async identity(me) {
    const [db, made] = [await store(), await makeIdentity()];
    const identities = db.transaction("identities", "readwrite").objectStore("identities");
    const kept = /** @type {CryptoKeyPair | undefined} */ (await done(identities.get(me)));
    if (!kept) await done(identities.put(made, me)); // asked and answered in one transaction: two pages make one identity
    db.close();
    return kept ?? made;
  },
  met: (me, ref) => read("met", [me, ref]),
  meet: (me, ref, met) => write("met", [me, ref], met),
  own: (me) => read("own", me),
  setOwn: (me, key) => write("own", me, key),
  signed: async (me, whose) => (await read("signed", [me, whose])) ?? [],
  setSigned: (me, whose, keys) => write("signed", [me, whose], keys),
};

/** @param {string} name @param {IDBValidKey} key @returns {Promise<any>} */
async function read(name, key) {
  const db = await store();
  const found = await done(db.transaction(name).objectStore(name).get(key));
  db.close();
  return found;
}

/** @param {string} name @param {IDBValidKey} key @param {unknown} value */
async function write(name, key, value) {
  const db = await store();
  await done(db.transaction(name, "readwrite").objectStore(name).put(value, key));
  db.close();
}
