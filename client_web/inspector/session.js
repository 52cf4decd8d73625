/** Coming in and going out. The key is sent once and is not kept by the page: what stays is a cookie that scripts cannot read. */
import { ApiFault, get, post } from "../shared/api.js";
import { API } from "./known.js";

/** @param {string} key */
export const signIn = (key) => post(`${API}/session`, { key });

/** In a demo everybody is made up, so whoever looks may be the inspector. */
export const enterDemo = () => post("/api/demo/inspector");

/** Is this a demo? */
export async function isDemo() {
  try {
    await get("/api/demo");
    return true;
  } catch (fault) {
    if (!(fault instanceof ApiFault)) throw fault;
    return false;
  }
}

/** Go out. `api.js` speaks GET and POST only; this is the one place that takes something away. */
export async function signOut() {
  const answer = await fetch(`${API}/session`, { method: "DELETE", credentials: "same-origin", cache: "no-store", redirect: "error" }).catch(() => null);
  if (!answer) throw new ApiFault(0, "offline");
  if (!answer.ok && answer.status !== 401) throw new ApiFault(answer.status, "internal");
}
