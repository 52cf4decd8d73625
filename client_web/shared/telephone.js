/**
 * The telephone: wire, call, peer and this person's own camera and microphone, held together. One per page. Never touches
 * the page; the screens in call_screens/ show it and press its buttons.
 *
 * What it promises:
 * - No PeerConnection and no getUserMedia before a hand pressed Call or Answer (`place`, `answer`, `preview`).
 * - The camera starts shut in every call, and only `setCamera(true)`, a hand's own press, opens it. Nothing that the server can
 *   say opens a camera or a microphone.
 * - Opening: preview first, then the server's ok, then the track goes on the wire. Shutting: off the wire and stopped first,
 *   then the server is told.
 * - When a call ends, by whatever way, `onblank` runs inside the message's own handler, before anything else: every picture
 *   is taken down and every sound stopped without waiting for the transport.
 * - `help()` stops our own camera and microphone before it returns.
 * - Our camera's picture leaves marked for each person (mark/copies.js). Where it cannot be, the call goes on, and the server is told
 *   which copy is unmarked and why; it is told of a mark only when that is on the wire.
 * - Every call is sealed (sealed.js). Where a browser cannot, there is no call, and a sentence; where sealing stops, so does the
 *   call. Somebody's picture and sound are in `tracks` only once a frame of theirs has opened.
 */
import { after, isLive, over, placed } from "./call.js";
import { Refused } from "./connection.js";
import { Copies } from "./mark/copies.js";
import { Marks } from "./mark/marks.js";
import { Peer } from "./peer.js";
import { CannotSeal, lacking, support } from "./seal/keeper.js";
import { Sealed } from "./sealed.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./protocol.js").Heard} Heard */
/** @typedef {import("./protocol.js").Media} Media */
/** "stuck": the browser has no such thing or will not give it. "refused": the rules say not in this call.
 * @typedef {"off" | "opening" | "on" | "stuck" | "refused"} Own */
/** @typedef {{audio: MediaStreamTrack | null, video: MediaStreamTrack | null}} Tracks */

/** Low frame rate hurts more than low resolution, so the size gives way first. */
const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** A wobble shorter than this heals by itself. */
const WOBBLE_MS = 3000;
/** So long after its time an end may still come. */
const LATE_MS = 10_000;
/** So long a transport, empty both ways on this side, may wait for the server to have read that we left. */
const GOODBYE_MS = 1000;

export class Telephone {
  /** @type {Call | null} */ call = null;
  /** @type {Own} */ camera = "off";
  /** @type {Own} */ microphone = "off";
  /** Our own picture, only while the camera is open. @type {MediaStream | null} */ mine = null;
  /** Everybody's tracks that open, by ref. @type {Map<string, Tracks>} */ tracks = new Map();
  /**
   * For whose device nobody whom this one believes has signed: nothing of theirs opens, and nobody in the call can say yes to it.
   * "own": it is this very device that they are not handed.
   * @type {Map<string, string>}
   */
  unsigned = new Map();
  /** Of whom something comes and nothing of it opens, with the kinds. @type {Map<string, Set<Media>>} */ shut = new Map();
  /** @type {Map<string, import("./protocol.js").Status>} */ presence = new Map();
  /** We lost the wire or the gate and are looking for it. */ looking = false;
  /** Help is on: their picture is covered, nothing sounds, our camera and microphone are stopped. */ helping = false;
  /** Did every own track say that it has ended? If not, the page must say to cover the camera. */ helpWorked = true;

  /** Something changed: draw again. */ onchange = () => {};
  /** Take down every picture and sound now. */ onblank = () => {};
  /** @type {(what: string[]) => void} */ onchanged = () => {};
  /** @type {(kind: "came-in" | "went-out", ref: string) => void} */ onperson = () => {};

  /** The clock will take us out of this call in so many minutes. @type {(minutes: number) => void} */ onsoon = () => {};

  #connection;
  /** What this browser lacks for sealing: asked when the wire is there, so that a press does not wait. @type {ReturnType<typeof lacking> | null} */
  #lack = null;
  /** @type {Peer | null} */ #peer = null;
  /** The keys of this call; the peer closes them. @type {Sealed | null} */ #sealed = null;
  /** Offers that came before our index in the call was told. @type {import("./protocol.js").Offer[]} */ #offers = [];
  /** The call that a hand on this device pressed Call or Answer for: the only one whose offers are read. */ #pressed = false;
  /** @type {MediaStreamTrack | null} */ #voice = null;
  /** Our camera's, once the server said ok to it. @type {MediaStreamTrack | null} */ #shown = null;
  /** Counts presses on a switch: what a slow earlier press brings is thrown away. @type {Record<Media, number>} */
  #turn = { audio: 0, video: 0 };
  /** Calls left here while the wire was down; said again when it is back. @type {Set<string>} */ #left = new Set();
  /** Ends that came before the ok of our own invitation. @type {Map<string, import("./protocol.js").Ended>} */ #early = new Map();
  /** What was not said yet of each one's copy. @type {Map<string, import("./mark/copies.js").Unmarked | null>} */ #unsaid = new Map();
  /** What the server believes of our microphone and camera; null: nothing. @type {{audio: boolean, video: boolean} | null} */ #told = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #wobble;
  /** Takes the note about the time away when the time was moved. @type {ReturnType<typeof setTimeout> | undefined} */ #late;

  /** @param {Connection} connection */
  constructor(connection) {
    this.#connection = connection;
    connection.onmessage = (message) => this.#hear(message);
    connection.onstate = (state) => {
      if (isLive(this.call) && state !== "ready") this.looking = true;
      if (state === "ready") {
        this.#lack ??= lacking().catch(() => "worker");
        this.#backOnTheWire();
      }
      if ((state === "signed-out" || state === "elsewhere") && this.call && isLive(this.call)) this.#end(over(this.call, state === "elsewhere" ? "answered_elsewhere" : "peer_lost"));
      this.onchange();
    };
    connection.onfresh = () => {
      this.presence.clear();
      if (this.call && isLive(this.call) && this.call.id !== "") this.#end(over(this.call, "peer_lost"));
      this.onchange();
    };
  }

  /** Can a call be placed at this moment? */
  get ready() {
    return this.#connection.state === "ready" && !isLive(this.call);
  }

  get wire() {
    return this.#connection.state;
  }

  // -- what a hand does ------------------------------------------------------------------------------------------------

  /** Call somebody. The microphone is opened by this press, the camera is not. @param {string[]} to @param {Media} media */
  async place(to, media) {
    if (isLive(this.call)) return;
    this.#shutCamera();
    this.call = placed(to, media);
    if (support()) return this.#refuse(this.call);
    this.#pressed = true;
    this.onchange();
    const mine = this.call;
    const lacks = await this.#lacks();
    if (this.call !== mine || !isLive(mine)) return; // left meanwhile, or their ring won
    if (lacks) return this.#refuse(mine);
    this.setMicrophone(true);
    this.onchange();
    try {
      const { call } = await this.#connection.send({ t: "call.invite", to, media });
      if (this.call === mine || this.call?.id === call) {
        this.call = { .../** @type {Call} */ (this.call), id: call };
        const early = this.#early.get(call);
        if (early) this.#end(over(this.call, early.code, early.by, early.who));
      } else this.#tellLeft(call); // left before the server had answered
    } catch (fault) {
      // glare: the other person's ring won; it is on its way or already here
      if (this.call === mine) this.#end(over(mine, fault instanceof Refused ? fault.code : "internal"));
    }
    this.#early.clear();
    this.onchange();
  }

  /** Answer: the voice is on, the camera stays shut. */
  async answer() {
    const call = this.call;
    if (call?.phase !== "ringing" || this.#pressed) return;
    if (support()) {
      this.#connection.send({ t: "call.reject", call: call.id }).catch(() => {});
      return this.#refuse(call);
    }
    this.#pressed = true;
    this.#shutCamera(); // a ring may come while somebody looks at themselves
    this.call = { ...call, phase: "connecting" };
    this.onchange();
    const lacks = await this.#lacks();
    if (this.call?.id !== call.id || !isLive(this.call)) return;
    if (lacks) {
      this.#connection.send({ t: "call.reject", call: call.id }).catch(() => {});
      return this.#refuse(call);
    }
    this.setMicrophone(true);
    this.onchange();
    try {
      await this.#connection.send({ t: "call.accept", call: call.id, nonce: call.nonce });
      this.#joined();
    } catch (fault) {
      if (this.call?.id === call.id && isLive(this.call)) this.#end(over(this.call, fault instanceof Refused ? fault.code : "internal"));
    }
    this.onchange();
  }

  /** Whether this browser cannot seal. One that could not is asked again at the next press. */
  async #lacks() {
    const lack = await (this.#lack ??= lacking().catch(() => "worker"));
    if (lack) this.#lack = null;
    return lack;
  }

  /** This browser cannot seal: there is no call, and it says so. @param {Call} call */
  #refuse(call) {
    this.#end(over(call, "cannot_seal"));
    this.onchange();
  }

  /** Not now. */
  notNow() {
    const call = this.call;
    if (call?.phase !== "ringing" || this.#pressed) return;
    this.#connection.send({ t: "call.reject", call: call.id }).catch(() => {});
    this.call = null;
    this.onchange();
  }

  /** Leave, at once: our side is over before the server has read a word. */
  leave() {
    const call = this.call;
    if (!call || !isLive(call)) return;
    // The transport says goodbye last: heard before `call.leave`, its goodbye would look like a lost connection to the others.
    const peer = this.#peer;
    if (peer) this.#peer = this.#sealed = null;
    void peer?.put("audio", null);
    void peer?.put("video", null);
    this.#end(over(call, "left"));
    const told = call.id ? this.#tellLeft(call.id, call.phase === "calling" ? "call.cancel" : "call.leave") : Promise.resolve();
    void Promise.race([told, new Promise((late) => setTimeout(late, GOODBYE_MS))]).then(() => peer?.close());
    this.onchange();
  }

  /** Put the ended call away. */
  close() {
    if (isLive(this.call)) return;
    this.call = null;
    this.helping = false;
    this.onchange();
  }

  /** Look at myself: the picture stays on this device. */
  async preview() {
    await this.#openCamera();
  }

  endPreview() {
    if (!isLive(this.call) || this.call?.phase === "ringing") this.#shutCamera();
    this.onchange();
  }

  /** @param {boolean} open */
  async setCamera(open) {
    const call = this.call;
    if (!open) {
      this.#shutCamera();
      this.onchange();
      this.#tellMedia();
      return;
    }
    if (!call || !isLive(call) || this.helping) return;
    const track = await this.#openCamera();
    if (!track || this.call?.id !== call.id || !isLive(this.call)) return;
    const turn = this.#turn.video;
    try {
      this.#told = { audio: this.microphone === "on", video: true };
      await this.#connection.send({ t: "call.media", call: call.id, ...this.#told });
      if (turn !== this.#turn.video) return;
      this.#shown = track;
      await this.#peer?.put("video", track);
    } catch (fault) {
      this.#told = null;
      if (turn !== this.#turn.video) return;
      this.#shutCamera();
      if (fault instanceof Refused && fault.code !== "lost") this.camera = "refused";
      this.onchange();
    }
  }

  /** @param {boolean} open */
  async setMicrophone(open) {
    const turn = ++this.#turn.audio;
    if (!open) {
      this.#shutMicrophone();
      this.onchange();
      this.#tellMedia();
      return;
    }
    if (this.helping) return;
    this.microphone = "opening";
    this.onchange();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: MICROPHONE });
      const track = stream.getAudioTracks()[0];
      if (turn !== this.#turn.audio || !track || !isLive(this.call)) {
        for (const each of stream.getTracks()) each.stop();
        return;
      }
      track.onended = () => { this.#shutMicrophone("stuck"); this.#tellMedia(); this.onchange(); };
      this.#voice = track;
      this.microphone = "on";
      this.onchange();
      if (await this.#tellMedia() && turn === this.#turn.audio) await this.#peer?.put("audio", track);
    } catch {
      if (turn !== this.#turn.audio) return;
      this.microphone = "stuck";
      this.#tellMedia();
    }
    this.onchange();
  }

  /** Help: our camera and microphone are stopped before this returns, their picture and sound are covered. */
  help() {
    const own = [...(this.mine?.getTracks() ?? []), ...(this.#voice ? [this.#voice] : [])];
    this.#turn.audio += 1;
    this.#shutCamera();
    this.#shutMicrophone();
    this.helpWorked = own.every((track) => track.readyState === "ended");
    this.helping = true;
    this.onblank();
    this.onchange();
    this.#tellMedia();
  }

  /** Back to the call, camera and microphone still shut: opening them is a press of its own. */
  goBack() {
    this.helping = false;
    this.onchange();
  }

  // -- what the wire says ----------------------------------------------------------------------------------------------

  /** @param {Heard} message */
  #hear(message) {
    switch (message.t) {
      case "presence":
        for (const { ref, status } of message.people) this.presence.set(ref, status);
        break;
      case "changed":
        if (message.what.includes("people")) void this.#sealed?.rosters();
        this.onchanged(message.what);
        return;
      case "sdp.offer":
        void this.#offered(message);
        return;
      case "seal.from":
        if (message.call === this.call?.id) this.#sealed?.body(message.ref, message.body);
        return;
      default:
        this.#change(message);
    }
    this.onchange();
  }

  /** @param {import("./protocol.js").CallMessage} message */
  #change(message) {
    const before = this.call;
    if (message.t === "call.ended" && before?.id === "") this.#early.set(message.call, message);
    if ("call" in message && this.#left.has(message.call)) {
      if (message.t === "call.ended") this.#left.delete(message.call);
      else if (message.t === "call.state") this.#tellLeft(message.call);
      return;
    }
    // our own invitation lost against theirs: their ring takes its place, and answering is still a press
    const losing = message.t === "call.incoming" && before?.phase === "calling";
    if (losing) this.#end(over(before, "glare_merged"));
    const now = after(losing ? null : before, message);
    if (now === before) return;
    if (now?.phase === "over") return this.#end(now);
    if (before && now && before.id === now.id) {
      for (const ref of before.legs.filter((leg) => leg.state === "connected").map((leg) => leg.ref)) {
        if (!now.legs.some((leg) => leg.ref === ref && leg.state !== "left")) {
          this.tracks.delete(ref);
          this.shut.delete(ref);
          this.onblank();
          this.onperson("went-out", ref);
        }
      }
      for (const leg of now.legs) {
        if (leg.state === "connected" && before.legs.find(({ ref }) => ref === leg.ref)?.state !== "connected") this.onperson("came-in", leg.ref);
      }
    }
    if (message.t === "call.incoming") this.#pressed = false;
    this.call = now;
    if (message.t === "call.state" && now) this.#seal(now, message.me.index);
    else if (message.t === "call.peer_left" && now) {
      this.#sealed?.people(now.legs);
      this.#peer?.people(now.legs);
    }
    if (message.t === "call.soon" && now?.soon) this.#soon(now.soon);
    if (before?.phase === "calling" && now && now.phase !== "calling") this.#joined();
    if (message.t === "call.state" && before?.mayShow && !message.may_show && this.#told?.video) this.#curtainShutForUs();
  }

  /** Told two minutes before. If the end does not come, somebody gave us more time, and the note goes. @param {{minutes: number, ms: number}} soon */
  #soon({ minutes, ms }) {
    clearTimeout(this.#late);
    this.#late = setTimeout(() => {
      if (this.call?.soon) this.call = { ...this.call, soon: null };
      this.onchange();
    }, ms + LATE_MS);
    this.onsoon(minutes);
  }

  /** The camera is no longer approved with anybody here: the gate is shut already, so is the camera now. Opening it is a new press. */
  #curtainShutForUs() {
    this.#shutCamera();
    void this.#tellMedia();
  }

  /** @param {import("./protocol.js").Offer} offer */
  async #offered(offer) {
    // T11: an offer for a call that no hand here pressed for is not read at all
    if (!this.#pressed || !this.call || !isLive(this.call) || (this.call.id !== "" && this.call.id !== offer.call)) return;
    const sealed = this.#sealed;
    if (!sealed) {
      this.#offers.push(offer);
      return;
    }
    if (!(await sealed.ready) || sealed !== this.#sealed) return; // no connection before the worker is there
    let peer = this.#peer;
    if (!peer) {
      const key = this.#connection.markKey;
      const copies = new Copies(key ? new Marks(key) : null);
      copies.onmarked = (ref, why) => this.#tellMark(ref, why);
      peer = this.#peer = new Peer(sealed, copies);
      peer.people(this.call.legs);
      peer.onstate = (state) => this.#peerState(state);
      peer.onunsealed = () => this.#unsealed("unsealed");
      peer.onperson = ({ ref, audio, video }) => {
        if (!isLive(this.call)) return;
        this.tracks.set(ref, { audio, video });
        this.onchange();
      };
      void peer.put("audio", this.#voice);
      void peer.put("video", this.#shown); // opened, and allowed, before the offer was read
    }
    try {
      const sdp = await peer.answer(offer);
      if (peer === this.#peer) await this.#connection.send({ t: "sdp.answer", call: offer.call, neg: offer.neg, sdp });
    } catch (fault) {
      // stale: a newer offer is already on its way; lost: the next offer comes after the wire is back
      if (fault instanceof CannotSeal) this.#unsealed("unsealed");
      else if (!(fault instanceof Refused) && peer === this.#peer && this.call) this.#end(over(this.call, "media_plane_unavailable"));
      this.onchange();
    }
  }

  /** What the server says of the call, for the keys. @param {Call} call @param {number} index ours */
  #seal(call, index) {
    if (!this.#pressed || !isLive(call)) return;
    let sealed = this.#sealed;
    if (!sealed) {
      const made = (sealed = this.#sealed = new Sealed(this.#connection, { call: call.id, index }));
      made.onunsigned = (ref, why) => {
        if (why) this.unsigned.set(ref, why);
        else this.unsigned.delete(ref);
        this.onchange();
      };
      made.onshut = (ref, kind, shut) => {
        const kinds = this.shut.get(ref) ?? new Set();
        if (shut) kinds.add(kind);
        else kinds.delete(kind);
        if (kinds.size) this.shut.set(ref, kinds);
        else this.shut.delete(ref);
        this.onchange();
      };
      made.onfailed = (code) => made === this.#sealed && this.#unsealed(code);
      for (const offer of this.#offers.splice(0)) void this.#offered(offer);
    }
    sealed.people(call.legs);
    this.#peer?.people(call.legs);
  }

  /** Their copy of our picture is marked (null), or is not. Said until the server has heard it. @param {string} ref @param {import("./mark/copies.js").Unmarked | null} why */
  #tellMark(ref, why) {
    const call = this.call;
    if (!call || !isLive(call)) return;
    this.#unsaid.set(ref, why);
    this.#connection.send(why ? { t: "mark.off", call: call.id, to: ref, why } : { t: "mark.on", call: call.id, to: ref }).then(
      () => { if (this.#unsaid.get(ref) === why) this.#unsaid.delete(ref); },
      (fault) => {
        if (fault instanceof Refused && fault.code === "rate_limited") setTimeout(() => this.#unsaid.get(ref) === why && this.#tellMark(ref, why), fault.retryAfterMs);
      },
    );
  }

  /** Nothing can be sealed here, now or from the beginning: out of the call. @param {"cannot_seal" | "unsealed"} code */
  #unsealed(code) {
    const call = this.call;
    if (!call || !isLive(call)) return;
    this.#end(over(call, code));
    if (call.id) void this.#tellLeft(call.id, call.phase === "calling" ? "call.cancel" : "call.leave");
    this.onchange();
  }

  /** @param {RTCPeerConnectionState} state */
  #peerState(state) {
    clearTimeout(this.#wobble);
    if (state === "connected") this.looking = this.#connection.state !== "ready";
    else if (state === "disconnected" || state === "failed") {
      this.#wobble = setTimeout(() => {
        if (!this.call || !isLive(this.call)) return;
        this.looking = true;
        this.onchange();
        this.#connection.send({ t: "ice.restart", call: this.call.id }).catch(() => {});
      }, state === "failed" ? 0 : WOBBLE_MS);
    }
    this.onchange();
  }

  #backOnTheWire() {
    for (const call of this.#left) void this.#tellLeft(call);
    if (this.call && isLive(this.call)) {
      this.#sealed?.wireBack();
      for (const [ref, why] of [...this.#unsaid]) this.#tellMark(ref, why);
      this.looking = false;
      this.#told = null;
      this.#tellMedia();
    }
  }

  /** The way out of every call, whoever ended it. Pictures first. @param {Call} ended */
  #end(ended) {
    this.tracks.clear();
    this.unsigned.clear();
    this.shut.clear();
    this.onblank();
    this.#peer?.close();
    this.#sealed?.close();
    this.#peer = this.#sealed = null;
    this.#offers = [];
    this.#unsaid.clear();
    clearTimeout(this.#wobble);
    clearTimeout(this.#late);
    this.#turn.audio += 1;
    this.#shutCamera();
    this.#shutMicrophone();
    this.#pressed = false;
    this.#told = null;
    this.looking = false;
    this.call = ended;
  }

  /** @param {string} call @param {"call.leave" | "call.cancel"} [how] */
  #tellLeft(call, how = "call.leave") {
    this.#left.add(call);
    return this.#connection.send({ t: how, call }).then(
      () => { this.#left.delete(call); },
      (fault) => {
        // answered in the very moment in which we stopped ringing: then it is a call, and we leave it
        if (fault instanceof Refused && fault.code === "bad_state" && how === "call.cancel") this.#tellLeft(call);
        else if (fault instanceof Refused && fault.code !== "lost") this.#left.delete(call);
      },
    );
  }

  /** We are in. A new place in a call is heard and not seen; if that is not so, say so. */
  #joined() {
    this.#told = { audio: true, video: false };
    if (this.microphone !== "opening") void this.#tellMedia();
  }

  /** Tell the server the truth about our own camera and microphone, unless it knows. True when it said ok. */
  async #tellMedia() {
    const call = this.call;
    if (!call || call.id === "" || (call.phase !== "connecting" && call.phase !== "active")) return true; // not in it yet
    const truth = { audio: this.microphone === "on", video: this.camera === "on" };
    if (this.#told?.audio === truth.audio && this.#told.video === truth.video) return true;
    this.#told = truth;
    try {
      await this.#connection.send({ t: "call.media", call: call.id, ...truth });
      return true;
    } catch {
      if (this.#told === truth) this.#told = null;
      return false;
    }
  }

  // -- our own camera and microphone -----------------------------------------------------------------------------------

  async #openCamera() {
    const turn = ++this.#turn.video;
    this.camera = "opening";
    this.onchange();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: CAMERA });
      const track = stream.getVideoTracks()[0];
      if (turn !== this.#turn.video || !track) {
        for (const each of stream.getTracks()) each.stop();
        return null;
      }
      track.onended = () => { this.#shutCamera("stuck"); this.#tellMedia(); this.onchange(); };
      this.mine = stream;
      this.camera = "on";
      this.onchange();
      return track;
    } catch {
      if (turn === this.#turn.video) this.camera = "stuck";
      this.onchange();
      return null;
    }
  }

  /** @param {Own} [now] */
  #shutCamera(now = "off") {
    this.#turn.video += 1;
    this.#shown = null;
    void this.#peer?.put("video", null);
    for (const track of this.mine?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.mine = null;
    this.camera = now;
  }

  /** @param {Own} [now] */
  #shutMicrophone(now = "off") {
    void this.#peer?.put("audio", null);
    if (this.#voice) {
      this.#voice.onended = null;
      this.#voice.stop();
    }
    this.#voice = null;
    this.microphone = now;
  }
}
