/**
 * Whether anybody is at this page. Every look at the server leaves a line in the record, so a page that nobody is at looks seldom, a page
 * that cannot be seen does not look at all, and both look at once when somebody is back: whoever could press something has touched the
 * page or brought it to the front before.
 */

/** So long after the last touch of a hand nobody is here. */
const AWAY_MS = 120_000;
const TOUCHES = ["pointerdown", "pointermove", "keydown", "wheel", "focus"];

let touched = Date.now();
/** Told when somebody is back. @type {Set<() => void>} */
const waiting = new Set();

const away = () => document.hidden || Date.now() - touched > AWAY_MS;

function touch() {
  const back = Date.now() - touched > AWAY_MS;
  touched = Date.now();
  if (back) for (const tell of waiting) tell();
}

for (const kind of TOUCHES) addEventListener(kind, touch, { capture: true, passive: true });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  touched = Date.now();
  for (const tell of waiting) tell();
});

/**
 * Do this again and again: every `soon` milliseconds while somebody is here, every `seldom` while nobody is, never while the page cannot be
 * seen, and at once when somebody is back.
 * @param {number} soon @param {number} seldom @param {() => void} work
 * @returns {() => void} stop it
 */
export function everyWhile(soon, seldom, work) {
  let last = Date.now();
  const look = () => {
    last = Date.now();
    work();
  };
  // half a beat of grace: a timer that is a millisecond early must not wait for the next one
  const timer = setInterval(() => {
    if (!document.hidden && Date.now() - last >= (away() ? seldom : soon) - soon / 2) look();
  }, soon);
  waiting.add(look);
  return () => {
    clearInterval(timer);
    waiting.delete(look);
  };
}
