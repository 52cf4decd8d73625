/**
 * Words. Every sentence a person can read or hear stands in words/<language>.json, once per band: `k12` (up to 12),
 * `k17` (13 to 17), `adult`. None is written in code. Where a band has no words of its own it gets the youngest band's,
 * which are the plainest.
 *
 * `{name}` in a sentence is filled in. A sentence that counts has `one` and `other` forms, chosen by `{n}`.
 */

/** @typedef {"k12"|"k17"|"adult"} Band */
/** @typedef {string | {one: string, other: string}} Sentence */
/** @typedef {Record<string, string | number>} Fill */

/** @type {Record<string, Partial<Record<Band, Sentence>>>} */
let table = {};
let language = "en";
/** How dates and lists are written in each language; English words are British. @type {Record<string, string>} */
const LOCALES = { en: "en-GB" };
const locale = () => LOCALES[language] ?? language;
/** @type {Band} */
let band = "k12";

/**
 * Fetch the words. Call once, before the first screen.
 * @param {string} [wanted] language tag; English is what there is today
 */
export async function loadWords(wanted = "en") {
  const answer = await fetch(new URL(`words/${wanted}.json`, import.meta.url));
  table = await answer.json();
  language = wanted;
}

/**
 * Add the words of one app, which stand beside it as words.<language>.json: the grown-up's app and the start page need many
 * sentences that a child's device should not have to load. Call after `loadWords`.
 * @param {URL} folder where the app is
 */
export async function addWords(folder) {
  const answer = await fetch(new URL(`words.${language}.json`, folder));
  table = { ...table, ...(await answer.json()) };
}

/** Choose whose words are used from now on. @param {Band} chosen */
export function useBand(chosen) {
  band = chosen;
}

/** Whose words are used. */
export const currentBand = () => band;

/** Which words an age group reads. Unknown is the youngest. @param {string | null | undefined} group @returns {Band} */
export const bandOf = (group) => (group === "adult" ? "adult" : group === "13-15" || group === "16-17" ? "k17" : "k12");

/**
 * The sentence for a key. A key that does not exist is a fault of ours: it shows the key, and a test fails.
 * @param {string} key @param {Fill} [fill] @param {Band} [who]
 */
export function words(key, fill = {}, who = band) {
  const entry = table[key];
  const sentence = entry?.[who] ?? entry?.k12 ?? entry?.k17 ?? entry?.adult ?? key;
  const text = typeof sentence === "string" ? sentence : Number(fill.n) === 1 ? sentence.one : sentence.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(fill[name] ?? whole));
}

/** Is there such a sentence? @param {string} key */
export const hasWords = (key) => key in table;

/** "Gran, Dad and Theo". @param {string[]} names */
export const listed = (names) => new Intl.ListFormat(locale(), { type: "conjunction" }).format(names).replace(/, (and|or) /, " $1 ");

const DAY_MS = 86_400_000;

/** "today", "yesterday", "Monday", then "12 May" (design 5.10), by the calendar of the home. @param {number} at milliseconds @param {string} zone @param {number} [now] */
export function dayNear(at, zone, now = Date.now()) {
  const day = (/** @type {number} */ ms) => Date.parse(new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" }).format(ms)) / DAY_MS;
  const ahead = Math.round(day(at) - day(now));
  const near = { "-1": "day.yesterday", 0: "day.today", 1: "day.tomorrow" }[ahead];
  if (near) return words(near);
  return new Intl.DateTimeFormat(locale(), { timeZone: zone, ...(Math.abs(ahead) < 7 ? { weekday: "long" } : { day: "numeric", month: "long" }) }).format(at);
}

/** "12 May 2027". @param {string} iso */
export const dated = (iso) => new Intl.DateTimeFormat(locale(), { day: "numeric", month: "long", year: "numeric" }).format(new Date(iso));
