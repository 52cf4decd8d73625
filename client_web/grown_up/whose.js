/** Whose pages are open: one child at a time. The choice lives as long as the tab; it is not kept anywhere else. */
import { look } from "./known.js";

/** @typedef {import("./facts.js").Child} Child */

const KEY = "ringfence.child";

/** The child whose pages these are: the one chosen, else the first. @returns {Child | undefined} */
export function whose() {
  const children = look("family")?.children ?? [];
  const chosen = sessionStorage.getItem(KEY);
  return children.find((child) => child.id === chosen) ?? children[0];
}

/** @param {string} id */
export const choose = (id) => sessionStorage.setItem(KEY, id);

/** Nobody is chosen any more. */
export const chooseNone = () => sessionStorage.removeItem(KEY);
