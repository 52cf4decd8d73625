/**
 * Quiet hours and call time in words, the same way for a child and a grown-up. Pure: the facts come from the server, which alone
 * knows what time it is in the home; a device's own clock and zone are never asked.
 */
import { dayNear, words } from "./words.js";

/** Times of day on the wall of the home, "HH:MM". @typedef {{from: string, until: string}} Quiet */
/**
 * @typedef {object} Limits
 * @property {Quiet | null} quiet
 * @property {number | null} minutes   a day; null: no limit
 * @property {number} used_today       minutes
 * @property {boolean} quiet_now
 * @property {number | null} opens_at  ms; only while it is quiet
 * @property {{on: boolean, allowed: boolean}} stage
 * @property {"approve" | "discuss" | "teen_led"} reach
 * @property {boolean} may_lead
 * @property {number | null} leads_since   ms
 * @property {number | null} objected_at   ms
 * @property {number | null} set_at        ms
 * @property {{quiet: Quiet | null, minutes: number | null}} suggested
 * @property {string} time_zone
 */

/** Half hours of a day. */
const HALVES = 48;

/** @param {string} time @returns {number} minutes after midnight */
const minutesOf = (time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** @param {number} hour */
const partOf = (hour) => (hour >= 5 && hour < 12 ? "morning" : hour >= 12 && hour < 17 ? "afternoon" : hour >= 17 && hour < 21 ? "evening" : "night");

/** "7 o’clock in the evening", "7 pm". @param {string} time "HH:MM" */
export function timeOfDay(time) {
  const [hour, minute] = [Number(time.slice(0, 2)), Number(time.slice(3, 5))];
  const fill = { h: hour % 12 || 12, m: String(minute).padStart(2, "0"), half: words(hour < 12 ? "time.am" : "time.pm") };
  return words(`time.in-the-${partOf(hour)}`, { time: words(minute === 0 ? "time.hour" : "time.minute", fill) });
}

/** A moment as the clock on the wall of that home shows it. @param {number} ms @param {string} zone @returns {string} "HH:MM" */
export const wallTime = (ms, zone) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }).format(ms);

/** When calls open again, as one sentence; nothing while they are open. @param {Limits} limits @param {number} [now] */
export function opensAgain(limits, now = Date.now()) {
  if (limits.opens_at === null) return "";
  const [time, day] = [wallTime(limits.opens_at, limits.time_zone), dayNear(limits.opens_at, limits.time_zone, now)];
  if (time === "00:00") return words("quiet.opens-day", { day }); // a new day begins: nobody says 12 at night
  return day === words("day.today") ? words("quiet.lead", { time: timeOfDay(time) }) : words("quiet.opens", { day, time: timeOfDay(time) });
}

/** Whether each half hour of a day is open, from midnight on. @param {Quiet | null} quiet @returns {boolean[]} */
export function openHalves(quiet) {
  return Array.from({ length: HALVES }, (_, n) => {
    if (!quiet) return true;
    const [from, until, here] = [minutesOf(quiet.from), minutesOf(quiet.until), n * 30 + 15];
    return !(from < until ? from <= here && here < until : here >= from || here < until);
  });
}

/** Is today's call time gone? @param {Limits} limits */
export const usedUp = (limits) => limits.minutes !== null && limits.used_today >= limits.minutes;

/** Can a time field be read, and is one not the other? @param {string} from @param {string} until */
export const quietOf = (from, until) => (/^\d\d:\d\d$/.test(from) && /^\d\d:\d\d$/.test(until) && from !== until ? { from, until } : null);
