/**
 * Where we are: the part of the address after `#`. `#contacts/rename/g_1` is the page "contacts" with the parts "rename" and "g_1".
 * Two addresses are made elsewhere and only read here: `#pair=four-words-joined-so` (a child's device, as a picture) and
 * `#invite=token` (another family's link). Both are secrets for a few minutes, so they are taken out of the address at once: they stay
 * neither in the history nor in what a helper might read out over somebody's shoulder.
 */

/** @typedef {{page: string, parts: string[]}} Place */

/** @type {{pair: string[], invite: string}} */
const brought = { pair: [], invite: "" };

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
  const hash = readable(location.hash.slice(1));
  const [name, secret] = hash.split(/=(.*)/s, 2);
  if (name === "pair" && secret) {
    brought.pair = secret.toLowerCase().split("-").slice(0, 4);
    history.replaceState(null, "", "#pair");
  } else if (name === "invite" && secret) {
    brought.invite = secret;
    history.replaceState(null, "", "#invited");
  }
  const [page = "", ...parts] = (location.hash.slice(1) || "").split("/").map(readable);
  return { page, parts };
}

/** The secrets that came with the address. They are gone when the tab is. */
export const carried = () => brought;

/** @param {string} page @param {...string} parts */
export const to = (page, ...parts) => `#${[page, ...parts].map(encodeURIComponent).join("/")}`;

/** @param {string} page @param {...string} parts */
export function go(page, ...parts) {
  location.hash = to(page, ...parts);
}
