/**
 * This browser tells the server which key it signs with, so that a grown-up can put it into a roster. Never touches the page.
 */
import { post } from "./api.js";
import { Ring } from "./seal/ring.js";

/**
 * Who this browser is for this person, told. Null where the browser keeps no identity: it cannot call, and is told so when it tries.
 * @param {string} own `own` of /api/me
 * @returns {Promise<{ring: Ring, key: string} | null>}
 */
export async function introduce(own) {
  if (!own) return null;
  const ring = new Ring(own);
  let key = "";
  try {
    key = await ring.id();
  } catch {
    return null;
  }
  await post("/api/identity", { key });
  return { ring, key };
}
