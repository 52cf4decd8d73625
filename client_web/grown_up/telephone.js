/**
 * The one telephone of these pages. It rings on every page: while its screens are up, the page behind them is hidden.
 * It also hears what has changed, so that pages fetch it again.
 */
import { ApiFault, post } from "../shared/api.js";
import { RfCall } from "../shared/call_screens/rf-call.js";
import { Connection } from "../shared/connection.js";
import { Telephone } from "../shared/telephone.js";
import { faultOf, grownOld, look, renew, renewAll } from "./known.js";

/** @type {{connection: Connection, telephone: Telephone} | null} */
let open = null;

/** A ticket for the wire; null when nobody is signed in. */
async function ticket() {
  try {
    return /** @type {{ticket: string}} */ (await post("/api/ws-ticket")).ticket;
  } catch (fault) {
    if (fault instanceof ApiFault && fault.code === "not_signed_in") return null;
    throw fault;
  }
}

/** The screens of a call, which stand in the page beside the app. */
const screens = () => /** @type {RfCall} */ (document.querySelector("rf-call"));

/**
 * Open the wire, once. `changed` is called when presence or the wire's state is different, `busy` when a call takes or leaves the screen,
 * `news` when the server says that something is different from what it was.
 * @param {{changed: () => void, busy: (busy: boolean) => void, news: () => void}} app
 */
export function openTelephone(app) {
  if (open) return;
  const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, ticket);
  const telephone = new Telephone(connection);
  open = { connection, telephone };
  const shown = screens();
  shown.telephone = telephone;
  const drawCall = telephone.onchange;
  telephone.onchange = () => {
    knowPeople();
    whoIsThis();
    drawCall();
    app.changed();
  };
  telephone.onchanged = (what) => {
    void grownOld(/** @type {import("../shared/protocol.js").Changed["what"]} */ (what));
    app.news();
  };
  const onfresh = connection.onfresh;
  let before = false;
  connection.onfresh = () => {
    onfresh();
    if (before) void renewAll(); // what changed while the wire was away was told to nobody
    before = true;
  };
  shown.addEventListener("busy", () => app.busy(shown.busy));
  shown.addEventListener("again", (event) => callTo(/** @type {CustomEvent<string>} */ (event).detail, telephone.call?.media ?? "audio"));
  shown.addEventListener("stop-person", (event) => void stopPerson(/** @type {CustomEvent<string>} */ (event).detail));
  shown.addEventListener("hide-this", () => location.replace("/grown-up/"));
  connection.start();
}

/** The people that the screens have been given. @type {unknown} */
let given = null;

/** Give the screens the names and pictures of everybody who may call. A ring may be there before them: it gets its name then. */
export function knowPeople() {
  const people = look("people");
  if (!people || people === given) return;
  given = people;
  screens().people = new Map(people.map((person) => [person.ref, person]));
  screens().update();
}

/** So often, and so long apart, it is asked who somebody in a call is. */
const ASKS = 3;
const ASK_AGAIN_MS = 4_000;
/** The call for whose people is asked, and how often it was. */
let asking = { call: "", times: 0 };
/** @type {ReturnType<typeof setTimeout> | undefined} */
let askAgain;

/**
 * Somebody is in a call whom this page does not know: their name could not be fetched, or they are newer than what was. Without this they
 * would be "Someone" to the end of it. Not asked for ever: of another grown-up in a call of several there is no name here.
 */
function whoIsThis() {
  const call = open?.telephone.call;
  if (!call || call.with.every((ref) => screens().people.has(ref))) return;
  if (asking.call !== call.id) asking = { call: call.id, times: 0 };
  else if (askAgain !== undefined) return;
  if (asking.times === ASKS) return;
  asking.times += 1;
  clearTimeout(askAgain);
  askAgain = setTimeout(() => {
    askAgain = undefined;
    whoIsThis();
  }, ASK_AGAIN_MS);
  if (look("people") || faultOf("people")) void renew("people");
}

/** @param {string} ref @param {import("../shared/protocol.js").Media} media */
export function callTo(ref, media) {
  knowPeople();
  void open?.telephone.place([ref], media);
}

/** @param {string} ref */
async function stopPerson(ref) {
  const shown = screens();
  shown.stopping = "busy";
  shown.update();
  open?.telephone.leave();
  try {
    await post(`/api/people/${encodeURIComponent(ref)}/block`);
    shown.stopping = "done";
  } catch {
    shown.stopping = "stuck";
  }
  shown.update();
  await renew("people", "contacts", "blocks");
}

/** Signed out: leave any call and close the wire. */
export function hangUpForGood() {
  open?.telephone.leave();
  open?.telephone.close();
  open?.connection.stop();
  open = null;
  given = null;
  screens().people = new Map(); // whoever signs in next is shown none of them
}

/** Is the wire up? */
export const telephoneIsHere = () => open?.connection.state === "ready";

export const telephoneFor = () => open?.telephone ?? null;

/** What the wire says of somebody; nothing is guessed while it is away. @param {string} ref */
export const statusOf = (ref) => (telephoneIsHere() ? open?.telephone.presence.get(ref) : undefined);
