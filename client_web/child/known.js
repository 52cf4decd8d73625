/**
 * What this device knows: who it belongs to, who may call, what waits for an answer. One copy, fetched from the server and
 * fetched again when the server says `changed`. Nothing of it is kept on the device.
 */
import { ApiFault, get } from "../shared/api.js";

/** @typedef {import("../shared/parts.js").Card} Card */
/** @typedef {"me" | "them" | "my_grown_up" | "their_grown_up"} Who */
/** @typedef {{who: Who, name: string, avatar: number, ground: number, on: string}} Yes */
/** @typedef {{ref: string, name: string, avatar: number, ground: number, voice: boolean, video: boolean, adult: boolean, until: string, yeses: Yes[],
 *   own: boolean, watch: "free" | "ask" | "present", watched: boolean, asked: boolean}} Person  `own`: one of my own grown-ups. `watch`: how my grown-ups go along */
/** @typedef {{id: string, name: string | null, avatar: number, ground: number, group: string, waiting_for_me: boolean, waiting_for: Who[], opened_by: "code" | "link"}} Ask */
/** @typedef {{me: Card & {name: string, group: string}, people: Person[], asks: Ask[], grown_ups: {name: string}[], limits?: import("../shared/limits.js").Limits}} Home */

export const known = {
  /** @type {Home | null} */ home: null,
  /** "" all is well; "offline"; "stuck": our fault; "out": this device is not paired. @type {"" | "offline" | "stuck" | "out"} */ trouble: "",
};

/** Called after every change. @type {() => void} */
let tell = () => {};

/** @param {() => void} listener */
export const onKnown = (listener) => { tell = listener; };

/** @param {string | undefined} ref */
export const personOf = (ref) => known.home?.people.find((person) => person.ref === ref) ?? null;

let fetching = 0;

/** Fetch everything again. Keeps what it has when the server cannot be reached. */
export async function refresh() {
  const turn = ++fetching;
  try {
    const home = await get("/api/child/home");
    if (turn !== fetching) return;
    known.home = home;
    known.trouble = "";
  } catch (fault) {
    if (turn !== fetching) return;
    const code = fault instanceof ApiFault ? fault.status : -1;
    known.trouble = code === 0 ? "offline" : code === 401 || code === 403 || code === 404 ? "out" : "stuck";
    if (known.trouble === "out") known.home = null;
  }
  tell();
}
