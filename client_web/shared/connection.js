/**
 * The wire: one WebSocket, kept. Never touches the page.
 *
 * A new session begins with a single-use ticket inside `hello`. When the socket is lost the session is taken up again with
 * `resume` for as long as the server keeps the place (30 s); what was missed is replayed, and a frame that was already
 * read is not read twice (`seq`). After that, or when the server says so, a new session begins and the page is told that its
 * place in any call is gone.
 *
 * Requests are answered with `ok` or `err`; a request whose socket was lost is refused here with the code `lost`, because
 * nobody can know whether the server had read it: whoever asked looks at the state that follows.
 */

/** @typedef {import("./protocol.js").Heard} Heard */
/** @typedef {import("./protocol.js").Request} Request */
/** @typedef {import("./protocol.js").ServerFrame} ServerFrame */
/** @typedef {"starting" | "ready" | "lost" | "signed-out" | "elsewhere"} WireState */

const SUBPROTOCOL = "ringfence.v1+json";
/** Waits before each new try, in ms; the last is repeated. Up to a quarter more at random, so that not all come back at once. */
const WAITS = [250, 500, 1000, 2000, 4000, 8000];
/** Close codes after which there is nothing to come back to. */
const FINAL = new Map([[4403, "signed-out"], [4409, "elsewhere"], [4406, "elsewhere"]]);

/** The server refused a request. */
export class Refused extends Error {
  /** @param {string} code @param {number} [retryAfterMs] */
  constructor(code, retryAfterMs = 0) {
    super(code);
    this.name = "Refused";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export class Connection {
  /** @type {WireState} */ state = "starting";
  /** Who this is, as the server knows them: the same on every device of this person, told to nobody else. */ me = "";
  /** What scrambles the marks here; empty: nothing is marked. */ markKey = "";
  /** Every message for the page, in order. @type {(message: Heard) => void} */ onmessage = () => {};
  /** The wire's state changed. @type {(state: WireState) => void} */ onstate = () => {};
  /** A new session began: any earlier place in a call is gone. @type {() => void} */ onfresh = () => {};

  #url;
  #getTicket;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {{session: string, token: string, lastSeq: number, lostAt: number, keepMs: number} | null} */ #place = null;
  /** @type {Map<string, {resolve: (ok: {call: string}) => void, reject: (why: Refused) => void}>} */ #waiting = new Map();
  #requests = 0;
  #tries = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #stopped = true;
  #hurry = () => this.state === "lost" && this.#connect();

  /**
   * @param {string} url of the WebSocket
   * @param {() => Promise<string | null>} getTicket a fresh ticket; null when this device is signed out; throws when offline
   */
  constructor(url, getTicket) {
    this.#url = url;
    this.#getTicket = getTicket;
  }

  /** Begin, and keep at it until `stop()`. */
  start() {
    if (!this.#stopped) return;
    this.#stopped = false;
    addEventListener("online", this.#hurry);
    this.#connect();
  }

  /** Say bye: any place in a call is left at once. */
  stop() {
    this.#stopped = true;
    removeEventListener("online", this.#hurry);
    clearTimeout(this.#timer);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send('{"t":"bye"}');
    this.#socket?.close(1000);
    this.#socket = null;
    this.#place = null;
    this.#refuseAll();
  }

  /**
   * Ask for something. Resolves with the server's `ok`, rejects with {@link Refused}.
   * @param {Request} request
   * @returns {Promise<{call: string}>}
   */
  send(request) {
    const socket = this.#socket;
    if (this.state !== "ready" || socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Refused("lost"));
    const id = `r${++this.#requests}`;
    const answered = /** @type {Promise<{call: string}>} */ (new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject })));
    socket.send(JSON.stringify({ ...request, id }));
    return answered;
  }

  async #connect() {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#socket) return;
    const place = this.#place;
    const resuming = place !== null && Date.now() - place.lostAt < place.keepMs;
    /** @type {Record<string, unknown>} */
    let first;
    if (resuming) {
      first = { t: "resume", session: place.session, token: place.token, last_seq: place.lastSeq };
    } else {
      this.#place = null;
      let ticket;
      try {
        ticket = await this.#getTicket();
      } catch {
        return this.#later();
      }
      if (this.#stopped || this.#socket) return;
      if (ticket === null) return this.#finish("signed-out");
      first = { t: "hello", ticket, v: 1, client: "ringfence-web", features: [] };
    }
    const socket = new WebSocket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = () => socket.send(JSON.stringify(first));
    socket.onmessage = (event) => socket === this.#socket && this.#read(String(event.data));
    socket.onclose = (event) => socket === this.#socket && this.#closed(event.code);
  }

  /** @param {string} frame */
  #read(frame) {
    /** @type {ServerFrame} */
    let message;
    try {
      message = JSON.parse(frame);
    } catch {
      this.#socket?.close(4400);
      return;
    }
    if (this.#place && message.seq) {
      if (message.seq <= this.#place.lastSeq) return;
      this.#place.lastSeq = message.seq;
    }
    switch (message.t) {
      case "welcome":
        this.me = message.me ?? "";
        this.markKey = message.mark_key ?? "";
        this.#place = {
          session: message.session, token: message.resume_token, lastSeq: message.seq ?? 0, lostAt: 0,
          keepMs: (message.limits?.resume_seconds ?? 30) * 1000,
        };
        this.#ready();
        this.onfresh();
        return;
      case "resumed":
        if (this.#place) this.#place.token = message.resume_token;
        this.#ready();
        return;
      case "resume_failed":
        this.#place = null;
        this.#socket?.close(1000);
        return;
      case "ok":
        this.#waiting.get(message.re)?.resolve({ call: message.call ?? "" });
        this.#waiting.delete(message.re);
        return;
      case "err":
        this.#waiting.get(message.re)?.reject(new Refused(message.code, message.retry_after_ms));
        this.#waiting.delete(message.re);
        return;
      case "go_away":
        this.#tries = 0;
        return;
      case "bye":
        return;
      case "presence": case "changed": case "sdp.offer": case "seal.from": case "call.incoming": case "call.state":
      case "call.answered_elsewhere": case "call.peer_left": case "call.soon": case "call.ended":
        this.onmessage(message);
        return;
      default:
        return; // a newer server may say more; a client ignores what it does not know
    }
  }

  #ready() {
    this.#tries = 0;
    this.#become("ready");
  }

  /** @param {number} code */
  #closed(code) {
    this.#socket = null;
    this.#refuseAll();
    if (this.#place && this.#place.lostAt === 0) this.#place.lostAt = Date.now();
    const final = FINAL.get(code);
    if (final) return this.#finish(/** @type {WireState} */ (final));
    this.#later();
  }

  #later() {
    if (this.#stopped) return;
    this.#become("lost");
    const wait = WAITS[Math.min(this.#tries++, WAITS.length - 1)] ?? 8000;
    this.#timer = setTimeout(() => this.#connect(), wait * (1 + Math.random() / 4));
  }

  /** @param {WireState} state */
  #finish(state) {
    this.#place = null;
    this.stop();
    this.#become(state);
  }

  #refuseAll() {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new Refused("lost"));
  }

  /** @param {WireState} state */
  #become(state) {
    if (this.#place && state === "ready") this.#place.lostAt = 0;
    if (state === this.state) return;
    this.state = state;
    this.onstate(state);
  }
}
