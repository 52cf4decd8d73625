/**
 * Speaking HTTP with our own server: JSON out, JSON in, and one kind of fault with a stable code.
 * Knows no page. Sends the cookie of its own origin and nothing else; the browser adds the Origin that the server checks.
 */

/** The server said no, or could not be reached (`offline`). Programs look at `code`, people are shown words for it. */
export class ApiFault extends Error {
  /** @param {number} status @param {string} code @param {{retry_after_s?: number, fields?: Record<string, string>}} [more] */
  constructor(status, code, more = {}) {
    super(code);
    this.name = "ApiFault";
    /** HTTP status; 0 when there was no answer. */
    this.status = status;
    /** Stable code such as `no_match`, `slow_down`, `not_signed_in`, `offline`. */
    this.code = code;
    /** Seconds to wait before asking again; 0 if not said. */
    this.retryAfter = more.retry_after_s ?? 0;
    /** @type {Record<string, string>} What was wrong with which field. */
    this.fields = more.fields ?? {};
  }
}

/**
 * @param {"GET" | "POST"} method @param {string} path @param {unknown} [body]
 * @returns {Promise<any>} the JSON of the answer, or null when it has none; lines of JSON as their text
 */
async function ask(method, path, body) {
  try {
    return await askOnce(method, path, body);
  } catch (fault) {
    if (!(fault instanceof ApiFault) || fault.code !== "slow_down" || fault.retryAfter > SHORT_WAIT) throw fault;
  }
  // too many at once from this device; nothing was done, and a moment later there is room
  await new Promise((go) => setTimeout(go, SHORT_WAIT * 1000));
  return askOnce(method, path, body);
}

/** Seconds that are waited for without telling anybody. */
const SHORT_WAIT = 1;

/** @param {"GET" | "POST"} method @param {string} path @param {unknown} [body] @returns {Promise<any>} */
async function askOnce(method, path, body) {
  /** @type {RequestInit} */
  const request = { method, credentials: "same-origin", headers: { accept: "application/json" }, cache: "no-store", redirect: "error" };
  if (method === "POST") {
    request.headers = { ...request.headers, "content-type": "application/json" };
    request.body = JSON.stringify(body ?? {});
  }
  let answer;
  try {
    answer = await fetch(path, request);
  } catch {
    throw new ApiFault(0, "offline");
  }
  const kind = answer.headers.get("content-type") ?? "";
  if (answer.ok && kind.startsWith("application/jsonl")) return answer.text();
  const found = kind.includes("json") ? await answer.json().catch(() => null) : null;
  if (answer.ok) return found;
  throw new ApiFault(answer.status, typeof found?.code === "string" ? found.code : "internal", found ?? {});
}

/** @param {string} path */
export const get = (path) => ask("GET", path);

/** @param {string} path @param {unknown} [body] */
export const post = (path, body) => ask("POST", path, body);
