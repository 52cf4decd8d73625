/**
 * Where we are: the part of the address after `#`. `#rules/not-approved-contact` is the page "rules" with one part. What a page can be
 * asked for (a filter, a whole situation) stands behind a `?`, so that an address can be sent to a colleague who sees the same.
 */

/** @typedef {{page: string, parts: string[], asked: URLSearchParams}} Place */

/** An address typed by hand may be anything. @param {string} text */
function readable(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** @returns {Place} */
export function here() {
  const [path = "", query = ""] = location.hash.slice(1).split(/\?(.*)/s, 2);
  const [page = "", ...parts] = path.split("/").map(readable);
  return { page, parts, asked: new URLSearchParams(query) };
}

/** @param {string} page @param {...string} parts */
export const to = (page, ...parts) => `#${[page, ...parts].map(encodeURIComponent).join("/")}`;

/** @param {string} page @param {...string} parts */
export function go(page, ...parts) {
  location.hash = to(page, ...parts);
}

/**
 * Write what this page was asked for into its address, without a step in the history for every switch. Empty values are left out.
 * @param {Record<string, string>} asked
 */
export function keepAsked(asked) {
  const [path = ""] = location.hash.slice(1).split("?", 1);
  const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== "")).toString();
  history.replaceState(null, "", `#${path}${query ? `?${query}` : ""}`);
}
