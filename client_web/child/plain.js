/** Picture look or plain look. The band suggests, the child chooses; age never locks it. Kept on this device only. */
const KEY = "ringfence.plain";

/** @param {import("../shared/words.js").Band} band */
export const plainLook = (band) => (localStorage.getItem(KEY) ?? (band === "k17" ? "yes" : "no")) === "yes";

/** @param {boolean} plain */
export function setPlainLook(plain) {
  localStorage.setItem(KEY, plain ? "yes" : "no");
  document.body.classList.toggle("plain", plain);
}
