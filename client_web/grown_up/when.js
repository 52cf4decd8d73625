/** Times and days as grown-ups say them: today, yesterday, Monday, then 12 May (design 5.10). The clock is the reader's own. */
import { words } from "../shared/words.js";

const LANGUAGE = "en-GB";
const DAY_MS = 86_400_000;

/** Midnight of a day, for counting days apart. @param {Date} date */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** @param {string} iso a day or a time @param {Date} [now] */
export function dayOf(iso, now = new Date()) {
  const date = new Date(iso.length === 10 ? `${iso}T12:00:00` : iso);
  const ago = Math.round((midnight(now) - midnight(date)) / DAY_MS);
  if (ago === 0) return words("when.today");
  if (ago === 1) return words("when.yesterday");
  if (ago > 1 && ago < 7) return new Intl.DateTimeFormat(LANGUAGE, { weekday: "long" }).format(date);
  const thisYear = date.getFullYear() === now.getFullYear();
  return new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", ...(thisYear ? {} : { year: "numeric" }) }).format(date);
}

/** "3:10 pm" @param {string} iso */
export const timeOf = (iso) => new Intl.DateTimeFormat(LANGUAGE, { hour: "numeric", minute: "2-digit", hour12: true }).format(new Date(iso));

/** "today 3:10 pm" @param {string} iso */
export const dayAndTime = (iso) => words("when.at", { day: dayOf(iso), time: timeOf(iso) });

/** A day later than today, in so many days. @param {number} seconds */
export const dayIn = (seconds) => new Intl.DateTimeFormat(LANGUAGE, { weekday: "long", day: "numeric", month: "long" }).format(new Date(Date.now() + seconds * 1000));

/** The first letter big, for the beginning of a line. @param {string} text */
export const begun = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** "22 November 2027" @param {string} iso */
export const dateOf = (iso) => new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "long", year: "numeric" }).format(new Date(iso));
