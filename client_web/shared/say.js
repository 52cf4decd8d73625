/**
 * Saying things to people who listen to the page instead of looking at it, and moving them to a new screen.
 *
 * A page has one polite region (`#say`) and one that interrupts (`#now`, for a ring, a lost call and Help only).
 * A screen change puts the focus on the heading and its words into the title, so that every way of reading starts there.
 */

/** Long enough to be read out; then the region is empty, so that nobody walks into an old sentence. */
const KEPT_MS = 5000;
/** What each region has still to do. @type {Map<string, ReturnType<typeof setTimeout>>} */
const waiting = new Map();
/** What each region is about to say: two sentences of one moment ("Lea left." and who still sees me) are both said. @type {Map<string, string>} */
const coming = new Map();

/** @param {string} id @param {string} text */
function speakIn(id, text) {
  const region = document.getElementById(id);
  if (!region) return;
  region.textContent = "";
  const before = coming.get(id);
  const whole = before && before !== text ? `${before} ${text}` : text;
  coming.set(id, whole);
  // an empty moment makes the same sentence count as news when it comes twice
  clearTimeout(waiting.get(id));
  waiting.set(id, setTimeout(() => {
    coming.delete(id);
    region.textContent = whole;
    waiting.set(id, setTimeout(() => (region.textContent = ""), KEPT_MS));
  }, 50));
}

/** Say when there is a pause. @param {string} text */
export const say = (text) => speakIn("say", text);

/** Say at once. @param {string} text */
export const sayNow = (text) => speakIn("now", text);

/** The heading that is on the screen: the page behind a call keeps its own, hidden. */
const headingHere = () => [...document.querySelectorAll("h1")].find((heading) => heading.checkVisibility());

/** Make the title say what the heading says. @param {string} [error] a word such as "Error:" before the title */
export function entitle(error = "") {
  const heading = headingHere()?.textContent?.trim();
  if (heading) document.title = `${error ? `${error} ` : ""}${heading} – Ringfence`;
}

/** A new screen is up: title, focus, top of the page. @param {string} [error] a word such as "Error:" before the title */
export function arrive(error = "") {
  const heading = headingHere();
  if (!heading) return;
  entitle(error);
  heading.setAttribute("tabindex", "-1");
  heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}
