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
  const opening = indexedDB.open("ringfence-seal", 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore("identities"); // key: the person here; value: a pair whose private half cannot be exported
    opening.result.createObjectStore("pins"); // key: [the person here, ref]; value: the identity first seen, base64url
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
  async pinned(me, ref) {
    const db = await store();
    const found = /** @type {string | undefined} */ (await done(db.transaction("pins").objectStore("pins").get([me, ref])));
    db.close();
    return found;
  },
  async pin(me, ref, id) {
    const db = await store();
    await done(db.transaction("pins", "readwrite").objectStore("pins").put(id, [me, ref]));
    db.close();
  },
};
