/**
 * Checking a family's own record on the family's own device: rows, chain, the tree, who signed. Never touches the DOM, asks nobody.
 *
 * What comes in are the lines that `GET /api/record` gives (docs/reference/record.md), what was kept on this device from before (the
 * public key, the newest checkpoint), and what goes out is what was found, by the names that the server's own check has. The server is
 * whom this is about, so nothing that it says about itself is believed: everything is hashed and verified again with WebCrypto.
 *
 * One thing this cannot do: these lines of code come from the same server. Whoever wants to be sure of that as well takes the file
 * and checks it with a program from elsewhere (docs/how-to/verify-the-record.md).
 */

/** @typedef {"altered" | "missing" | "out_of_order" | "extra" | "forked" | "unproven" | "back_dated" | "post_dated" | "unsigned" | "wrong_key" | "hand_over_broken" | "unreadable"} What */
/** Where it shows: the chain and the row; or `(checkpoint)`, `(kept)`, `(key)`, `(log)`, `(file)` and a number. @typedef {{where: string, number: number, what: What}} Finding */
/** @typedef {{origin: string, size: number, root: string, at: number}} Checkpoint */
/**
 * What this device keeps: the first public key that it was told, the newest checkpoint that it has checked, and the last row of the own
 * chain that was under it (0 and "" when none was).
 * @typedef {{key: string, note: string, seq: number, hash: string}} Kept
 */
/**
 * @typedef {{found: Finding[], rows: number, open: number, covered: number, firstAt: number | null, checkpoint: Checkpoint | null, keep: Kept,
 *   changedKey: boolean, shown: Done[]}} Result `open`: rows that are shown in full; `shown`: the newest of them. `covered`: rows under the checkpoint. `keep`: for next time.
 *   `changedKey`: it signs with another key than the first, and each handed over to the next.
 */
/** What a row that is shown in full says was asked, by the rulebook's own word, and when. @typedef {{at: number, question: string, verdict: string}} Done */
/** A row as it is needed for the chain. @typedef {{seq: number, at: number | null, digest: Uint8Array, previous: string, hash: string, done: Done | null}} Row */
/** @typedef {{name: string, id: string, line: string, raw: Uint8Array}} Key */
/** @typedef {Record<string, any>} Line */

/** Files of before are read too. */
const FORMATS = ["ringfence-record/1", "ringfence-record/2"];
const HOUR = 3_600_000;
/** So far times may run back; why so much: server/record_check.py. */
const TOLERANCE_MS = 120_000;
const ZERO = "0".repeat(64);
const DASH = "\u2014 ";
const NUMBER = /^(0|[1-9][0-9]{0,14})$/;
const MOST_NOTE = 1_000_000;
/** The last time that a browser's calendar has. */
const LAST_DAY = 8_640_000_000_000_000;
/** So many rows are given to be shown; all of them are in the file. */
export const MOST_SHOWN = 50;

/** What is not of the shape that was agreed. */
class Unreadable extends Error {}

/** @param {boolean} holds */
function must(holds) {
  if (!holds) throw new Unreadable();
}

const text = new TextEncoder();

/** @param {...(Uint8Array | string)} parts @returns {Promise<Uint8Array<ArrayBuffer>>} */
async function sha(...parts) {
  const raw = parts.map((part) => (typeof part === "string" ? text.encode(part) : part));
  const whole = new Uint8Array(raw.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of raw) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

/** @param {Uint8Array} raw */
const hex = (raw) => Array.from(raw, (one) => one.toString(16).padStart(2, "0")).join("");
/** @param {string} said */
const unhex = (said) => Uint8Array.from(said.match(/../g) ?? [], (one) => Number.parseInt(one, 16));

/** Base64 in the one way to write it; empty for anything else. @param {string} said */
function unbase64(said) {
  try {
    const raw = Uint8Array.from(atob(said), (sign) => sign.charCodeAt(0));
    return btoa(String.fromCharCode(...raw)) === said ? raw : new Uint8Array();
  } catch {
    return new Uint8Array();
  }
}

/** @param {unknown} it @returns {string} */
function aText(it) {
  must(typeof it === "string");
  return /** @type {string} */ (it);
}
/** @param {unknown} it @returns {number} */
function aNumber(it) {
  must(Number.isSafeInteger(it) && /** @type {number} */ (it) >= 0);
  return /** @type {number} */ (it);
}
/** @param {unknown} it @param {number} [length] @returns {string} */
function aHash(it, length = 32) {
  must(typeof it === "string" && it.length === 2 * length && /^[0-9a-f]*$/.test(it));
  return /** @type {string} */ (it);
}
/** @param {unknown} it @returns {Uint8Array[]} */
function aPath(it) {
  must(Array.isArray(it));
  return /** @type {unknown[]} */ (it).map((one) => unhex(aHash(one)));
}

// == Lines ==============================================================================================================

/** @param {string} lines one page, as it came @returns {Line[]} */
export function read(lines) {
  const found = lines.split("\n");
  try {
    must(found.pop() === "" && found.length > 1);
    const read = found.map((line) => JSON.parse(line));
    must(read.every((one) => one !== null && typeof one === "object" && typeof one.is === "string"));
    must(read[0].is === "record" && FORMATS.includes(read[0].format) && ["family", "proof"].includes(read[0].kind));
    must(read.at(-1).is === "end" && read.at(-1).lines === read.length);
    return read;
  } catch {
    throw new Unreadable();
  }
}

/** How far this page goes: the number of its last row, and whether there is more behind it. @param {Line[]} page */
export function reaches(page) {
  const last = page.filter((one) => one.is === "row").at(-1)?.seq;
  return { last: Number.isSafeInteger(last) ? /** @type {number} */ (last) : 0, more: page.some((one) => one.is === "more") };
}

/**
 * Pages in their order as one file: what is signed from the newest one, the rows of all.
 * @param {Line[][]} pages
 */
export function together(pages) {
  const last = /** @type {Line[]} */ (pages.at(-1));
  const signed = last.filter((one) => ["key", "checkpoint", "proof", "consistency"].includes(one.is));
  const rows = pages.flatMap((page) => page.filter((one) => one.is === "row"));
  const chain = /** @type {Line[]} */ (pages[0]).filter((one) => one.is === "chain");
  must(chain.every((one) => one.after === 0 && one.hash === ZERO));
  const whole = [{ ...last[0], kind: "family" }, ...signed, ...chain, ...rows, ...last.filter((one) => one.is === "head")];
  return [...whole, { is: "end", lines: whole.length + 1 }];
}

// == Signed notes =======================================================================================================

/** @param {string} line `name+id+key` @returns {Promise<Key | null>} */
async function readKey(line) {
  const [, name = "", id = "", packed = ""] = /^([^\s+]{1,200})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
  const raw = unbase64(packed);
  if (raw.length !== 33 || raw[0] !== 1) return null;
  const its = hex((await sha(name, "\n", raw)).subarray(0, 4));
  return its === id ? { name, id, line, raw: raw.slice(1) } : null;
}

/** @param {Key} key @param {string} said @param {Uint8Array<ArrayBuffer>} signature */
async function signedBy(key, said, signature) {
  try {
    const its = await crypto.subtle.importKey("raw", new Uint8Array(key.raw), { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, its, signature, text.encode(said));
  } catch {
    return false;
  }
}

/**
 * The text of a note and the keys that signed it; null when it is none, when none of these did, or one of them wrongly.
 * @param {string} note @param {Key[]} known
 */
async function open(note, known) {
  const gap = note.lastIndexOf("\n\n");
  if (note.length > MOST_NOTE || gap < 0 || !note.endsWith("\n") || /[\u0000-\u0009\u000b-\u001f]/.test(note)) return null;
  const said = note.slice(0, gap + 1);
  /** @type {Set<Key>} */ const by = new Set();
  for (const line of note.slice(gap + 2, -1).split("\n")) {
    const [, name, packed = ""] = /^\u2014 ([^\s+]{1,200}) (.*)$/.exec(line) ?? [];
    const raw = unbase64(packed);
    if (!line.startsWith(DASH) || raw.length < 5) return null;
    const id = hex(raw.subarray(0, 4));
    const key = known.find((one) => one.name === name && one.id === id);
    if (!key || by.has(key)) continue;
    if (!(await signedBy(key, said, raw.slice(4)))) return null;
    by.add(key);
  }
  return by.size > 0 ? { said, by } : null;
}

/** @param {string} said @returns {Checkpoint | null} */
function readCheckpoint(said) {
  const [origin = "", size = "", root = "", time = "", end, more] = said.split("\n");
  const raw = unbase64(root);
  const at = time.startsWith("time ") ? time.slice(5) : "";
  if (!origin || !NUMBER.test(size) || raw.length !== 32 || !NUMBER.test(at) || end !== "" || more !== undefined) return null;
  return { origin, size: Number(size), root: hex(raw), at: Number(at) };
}

/** Whether this browser can verify an Ed25519 signature at all. */
export async function canVerify() {
  try {
    const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]));
    return pair.publicKey.algorithm.name === "Ed25519";
  } catch {
    return false;
  }
}

// == The tree (RFC 9162, 2.1.3.2 and 2.1.4.2) ===========================================================================

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

/** @param {Uint8Array} leaf @param {number} index @param {number} size @param {Uint8Array[]} path the root it leads to, or "" */
async function rootOf(leaf, index, size, path) {
  if (index >= size) return "";
  let [fn, sn, r] = [index, size - 1, leaf];
  for (const p of path) {
    if (sn === 0) return "";
    if (fn % 2 === 1 || fn === sn) {
      r = await sha(NODE, p, r);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    } else r = await sha(NODE, r, p);
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 ? hex(r) : "";
}

/** @param {Checkpoint} before @param {Checkpoint} now @param {Uint8Array[]} path */
async function goesOn(before, now, path) {
  if (path.length === 0 || before.size === 0 || before.size >= now.size) return false;
  const steps = Number.isInteger(Math.log2(before.size)) ? [unhex(before.root), ...path] : path;
  let [fn, sn] = [before.size - 1, now.size - 1];
  while (fn % 2 === 1) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  let [fr, sr] = [/** @type {Uint8Array} */ (steps[0]), /** @type {Uint8Array} */ (steps[0])];
  for (const c of steps.slice(1)) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      [fr, sr] = [await sha(NODE, c, fr), await sha(NODE, c, sr)];
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    } else sr = await sha(NODE, sr, c);
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 && hex(fr) === before.root && hex(sr) === now.root;
}

// == The check ==========================================================================================================

/**
 * Check a whole file (`together`). `kept`: what this device has from before; null: it looks for the first time, and believes the key.
 * @param {Line[]} lines @param {Kept | null} kept @returns {Promise<Result>}
 */
export async function check(lines, kept) {
  try {
    return await look(lines, kept);
  } catch (fault) {
    if (!(fault instanceof Unreadable)) throw fault;
    const nothing = { rows: 0, open: 0, covered: 0, firstAt: null, checkpoint: null, changedKey: false, shown: [], keep: kept ?? { key: "", note: "", seq: 0, hash: "" } };
    return { ...nothing, found: [{ where: "(file)", number: 1, what: "unreadable" }] };
  }
}

/** @param {Line[]} lines @param {Kept | null} kept @returns {Promise<Result>} */
async function look(lines, kept) {
  /** @type {Finding[]} */ const found = [];
  /** @param {string} where @param {number} number @param {What} what */
  const say = (where, number, what) => {
    if (!found.some((one) => one.where === where && one.number === number && one.what === what)) found.push({ where, number, what });
  };
  /** @param {string} is */
  const all = (is) => lines.filter((one) => one.is === is);

  // keys, each handed over to by the one before
  /** @type {(Key | null)[]} */ const keys = [];
  const told = all("key").map((one) => ({ line: aText(one.key), since: aNumber(one.since), note: one.hand_over === null ? null : aText(one.hand_over) }));
  for (const [place, { line, since, note }] of told.entries()) {
    const key = await readKey(line);
    const before = keys.at(-1);
    keys.push(key);
    if (!(place === 0 ? key && note === null && since === 0 : await handedOver(before, key, since, note) && since > (told[place - 1]?.since ?? since))) {
      say("(key)", place + 1, "hand_over_broken");
    }
  }
  if (kept && !keys.some((one) => one?.line === kept.key)) say("(key)", 1, "wrong_key");
  const known = keys.filter((one) => one !== null);

  /** @param {string} where @param {string} note @returns {Promise<Checkpoint | null>} */
  const signed = async (where, note) => {
    const opened = await open(note, known);
    const said = opened && readCheckpoint(opened.said);
    if (!opened || !said) {
      say(where, 1, "unsigned");
      return null;
    }
    const inForce = keys[told.map((one) => one.since <= said.at).lastIndexOf(true)];
    if (inForce && opened.by.has(inForce) && said.origin === inForce.name) return said;
    say(where, 1, "wrong_key");
    return null;
  };
  const notes = all("checkpoint").map((one) => aText(one.note));
  must(notes.length <= 1);
  const now = notes[0] === undefined ? null : await signed("(checkpoint)", notes[0]);
  const before = kept?.note ? await signed("(kept)", kept.note) : null;

  // the log: it goes on from what was kept, and has the head of this chain
  if (before) {
    if (!now || before.size > now.size) say("(log)", now?.size ?? 0, "missing");
    else if (before.size === now.size) {
      if (before.root !== now.root) say("(kept)", 1, "forked");
    } else if (before.size > 0) {
      const proofs = all("consistency").filter((one) => one.from === before.size && one.size === now.size);
      const shown = await Promise.all(proofs.map((one) => goesOn(before, now, aPath(one.path))));
      if (proofs.length === 0) say("(kept)", 1, "unproven");
      else if (!shown.some(Boolean)) say("(kept)", 1, "forked");
    }
    if (now && before.size <= now.size && now.at < before.at) say("(checkpoint)", 1, "back_dated");
  }
  /** @type {{seq: number, hash: string}[]} */ const marks = [];
  const chains = all("chain");
  must(chains.length === 1);
  const name = aText(chains[0]?.chain);
  for (const one of all("proof")) {
    const [index, seq, hash, size] = [aNumber(one.index), aNumber(one.seq), aHash(one.hash), aNumber(one.size)];
    const leaf = await sha(LEAF, `${aText(one.chain)} ${seq} ${hash}`);
    const root = await rootOf(leaf, index, size, aPath(one.path));
    if (now && size === now.size && root === now.root) {
      if (one.chain === name) marks.push({ seq, hash });
    } else say("(log)", index, "forked");
  }

  // the chain
  const mark = marks[0];
  // once this chain stood under a checkpoint it stands under every later one: whoever cannot show that has something to hide
  if (kept && kept.seq > (mark?.seq ?? 0)) say("(log)", now?.size ?? 0, "missing");
  /** @type {Result} */ const result = { found, rows: 0, open: 0, covered: 0, firstAt: null, checkpoint: now, changedKey: known.length > 1, shown: [],
    keep: { key: kept?.key ?? told[0]?.line ?? "", note: notes[0] ?? "", seq: mark?.seq ?? 0, hash: mark?.hash ?? "" } };
  let [count, last, latest, met] = [0, ZERO, -Infinity, 0];
  for (const line of all("row")) {
    const row = await readRow(name, line);
    result.rows += 1;
    if (row.seq > count + 1) say(name, count + 1, "missing");
    else if (row.seq <= count || row.previous !== last) say(name, row.seq, "out_of_order");
    const sound = hex(await sha(unhex(row.previous), row.digest)) === row.hash;
    if (!sound) say(name, row.seq, "altered");
    if (mark && mark.seq === row.seq && mark.hash !== row.hash) say(name, row.seq, "forked");
    if (kept && kept.seq === row.seq && kept.hash !== row.hash) say(name, row.seq, "forked");
    met = Math.max(met, row.seq); // behind a row that is beyond the mark nothing is under it
    const under = mark !== undefined && met <= mark.seq;
    if (under) result.covered += 1;
    if (row.at !== null) {
      result.open += 1;
      if (row.done && row.at <= LAST_DAY) result.shown = [row.done, ...result.shown].slice(0, MOST_SHOWN);
      result.firstAt = Math.min(result.firstAt ?? row.at, row.at);
      if (sound) {
        const since = before && kept && row.seq > kept.seq ? before.at : -Infinity; // it was not there when this device last looked
        const low = Math.max(under || !now ? -Infinity : now.at, since, latest);
        if (row.at < low - TOLERANCE_MS) say(name, row.seq, "back_dated");
        else if (under && now && row.at > now.at + TOLERANCE_MS) say(name, row.seq, "post_dated");
        latest = Math.max(latest, row.at);
      }
    }
    [count, last] = [row.seq, row.hash];
  }
  for (const head of all("head")) {
    const seq = aNumber(head.seq);
    if (count < seq) say(name, count + 1, "missing");
    else if (count > seq) say(name, seq + 1, "extra");
    else if (last !== aHash(head.hash)) say(name, seq, "altered");
  }
  if (mark && mark.seq > count) say(name, count + 1, "missing");
  return result;
}

/**
 * Checkpoints alone, the newest first, as an inspector's page has them: each signed by one of these keys, none longer or later than the one
 * before it, no two roots for one length. That the log only grew in between is not shown by this; the whole export has the proofs.
 * @param {string[]} lines of keys @param {string[]} notes @returns {Promise<{found: Finding[], checkpoints: (Checkpoint | null)[]}>}
 */
export async function checkNotes(lines, notes) {
  const known = (await Promise.all(lines.map(readKey))).filter((one) => one !== null);
  /** @type {Finding[]} */ const found = [];
  /** @type {(Checkpoint | null)[]} */ const checkpoints = [];
  /** @type {Checkpoint | null} */ let newer = null;
  for (const [place, note] of notes.entries()) {
    const opened = await open(note, known);
    const said = opened && readCheckpoint(opened.said);
    checkpoints.push(said);
    /** @param {What} what */
    const say = (what) => found.push({ where: "(checkpoint)", number: place + 1, what });
    if (!said) {
      say("unsigned");
      continue;
    }
    if (newer && said.size > newer.size) say("missing");
    if (newer && said.size === newer.size && said.root !== newer.root) say("forked");
    if (newer && said.at > newer.at) say("back_dated");
    newer = said;
  }
  return { found, checkpoints };
}

/** @param {Key | null | undefined} old @param {Key | null} key @param {number} since @param {string | null} note */
async function handedOver(old, key, since, note) {
  if (!old || !key || note === null || old.name !== key.name) return false;
  const opened = await open(note, [old, key]);
  return opened !== null && opened.by.size === 2 && opened.said === `${old.name}/hand-over\nold ${old.line}\nnew ${key.line}\ntime ${since}\n`;
}

/** @param {string} chain @param {Line} line @returns {Promise<Row>} */
async function readRow(chain, line) {
  const links = { seq: aNumber(line.seq), previous: aHash(line.previous), hash: aHash(line.hash) };
  if (!("salt" in line)) return { ...links, at: null, digest: unhex(aHash(line.digest)), done: null };
  const at = aNumber(line.at);
  const shown = { chain, question: aText(line.question), rulebook: aText(line.rulebook), rules: aText(line.rules), seq: links.seq, verdict: aText(line.verdict) };
  const body = await sha(unhex(aHash(line.salt, 16)), canonical(shown));
  const rest = await sha(body, unhex(aHash(line.people)));
  return { ...links, at, digest: await sha(await stampOf(line.time, at), rest), done: { at, question: shown.question, verdict: shown.verdict } };
}

/** What the time of a row was hashed to; its hour apart, but in a row of before. @param {unknown} said @param {number} at */
async function stampOf(said, at) {
  if (typeof said === "string" && said.length === 32) return sha(unhex(aHash(said, 16)), String(at));
  const salt = unhex(aHash(said, 32));
  const hour = await sha(salt.subarray(0, 16), String(Math.floor(at / HOUR)));
  return sha(hour, await sha(salt.subarray(16), String(at)));
}

/** JSON with its keys in order, without blanks, in ASCII: as it was hashed. @param {Record<string, string | number>} it keys in order */
const canonical = (it) => JSON.stringify(it).replace(/[\u007f-\uffff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
