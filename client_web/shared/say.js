/**
 * Saying things to people who listen to the page instead of looking at it, and moving them to a new screen.
 *
 * A page has one polite region (`#say`) and one that interrupts (`#now`, for a ring, a lost call and Help only).
 * A screen change puts the focus on the heading and its words into the title, so that every way of reading starts there.
 */

/** @param {string} id @param {string} text */
function speakIn(id, text) {
  const region = document.getElementById(id);
  if (!region) return;
  region.textContent = "";
  // an empty moment makes the same sentence count as news when it comes twice
  setTimeout(() => (region.textContent = text), 50);
}

/** Say when there is a pause. @param {string} text */
export const say = (text) => speakIn("say", text);

/** Say at once. @param {string} text */
export const sayNow = (text) => speakIn("now", text);

/** A new screen is up: title, focus, top of the page. @param {string} [error] a word such as "Error:" before the title */
export function arrive(error = "") {
  const heading = document.querySelector("h1");
  if (!heading) return;
  document.title = `${error ? `${error} ` : ""}${heading.textContent?.trim()} – Ringfence`;
  heading.setAttribute("tabindex", "-1");
  heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}
