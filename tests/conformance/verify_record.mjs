/**
 * A second reader of the record, written apart from the first: node:crypto and the format's page (docs/reference/record.md), nothing else.
 *
 *     node verify_record.mjs EXPORT [--checkpoint FILE]... [--key KEY]     one JSON with what was found; exit 1 when anything was, 2 when nothing can be read
 *     node verify_record.mjs --batch                                      one {"lines", "kept", "key"} a line in, one JSON a line out
 *
 * It reads the whole file into memory first and then asks one question after the other, where the Python reader walks along it once.
 */
import { createHash, createPublicKey, verify as verifies } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const TOLERANCE_MS = 120_000;
const HOUR = 3_600_000;
const FORMATS = ["ringfence-record/1", "ringfence-record/2"];
/** The chain that says where those chains end which the log does not name. */
const APART = "apart";
const TOLD = /^\["([A-Za-z0-9_-]{1,34}) ([1-9][0-9]{0,14}) ([0-9a-f]{64})"\]$/;
const ZERO = "0".repeat(64);
const ORDER = { record: 0, key: 1, checkpoint: 2, entry: 3, proof: 3, consistency: 4, chain: 5, row: 5, head: 5, more: 5, end: 6 };
const ALLOWED = { entry: ["blind"], proof: ["family", "proof"], consistency: ["family", "proof"], more: ["proof"] };
const DASH = "\u2014 ";

const sha = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();
const bytes = (hex) => Buffer.from(hex, "hex");

class Unreadable extends Error {}
const must = (holds) => {
  if (!holds) throw new Unreadable();
};
const isText = (it) => typeof it === "string";
const isNumber = (it) => Number.isSafeInteger(it) && it >= 0;
const isHex = (it, length = 32) => isText(it) && new RegExp(`^[0-9a-f]{${2 * length}}$`).test(it);

// == reading ============================================================================================================

function load(lines) {
  const file = { kind: "", keys: [], notes: [], entries: [], proofs: [], consistent: [], chains: [], ended: false };
  let stage = 0;
  let number = 0;
  let chain = null;
  try {
    for (const text of lines) {
      number += 1;
      const it = JSON.parse(text);
      must(it !== null && typeof it === "object" && !Array.isArray(it));
      const is = it.is;
      must(isText(is) && Object.hasOwn(ORDER, is) && (is === "record") === (number === 1) && !file.ended && ORDER[is] >= stage);
      stage = ORDER[is];
      must(!ALLOWED[is] || ALLOWED[is].includes(file.kind));
      if (is === "record") {
        must(FORMATS.includes(it.format) && ["family", "proof", "blind"].includes(it.kind));
        file.kind = it.kind;
      } else if (is === "key") {
        must(isText(it.key) && isNumber(it.since) && (it.hand_over === null || isText(it.hand_over)));
        file.keys.push(it);
      } else if (is === "checkpoint") {
        must(isText(it.note));
        file.notes.push(it.note);
      } else if (is === "entry" || is === "proof") {
        must(isNumber(it.index) && isText(it.chain) && isNumber(it.seq) && isHex(it.hash));
        if (is === "proof") must(isNumber(it.size) && Array.isArray(it.path) && it.path.every((one) => isHex(one)));
        (is === "entry" ? file.entries : file.proofs).push(it);
      } else if (is === "consistency") {
        must(isNumber(it.from) && isNumber(it.size) && Array.isArray(it.path) && it.path.every((one) => isHex(one)));
        file.consistent.push(it);
      } else if (is === "chain") {
        must(isText(it.chain) && isNumber(it.after) && isHex(it.hash));
        must(it.after === 0 ? it.hash === ZERO : file.kind === "proof");
        must(it.chain !== APART || file.chains.length === 0);
        chain = { name: it.chain, after: it.after, last: it.hash, rows: [], head: null, more: false };
        file.chains.push(chain);
      } else if (is === "row") {
        must(chain);
        chain.rows.push(row(chain.name, file.kind, it));
      } else if (is === "head") {
        must(chain && isNumber(it.seq) && isHex(it.hash));
        chain.head = it;
        chain = null;
      } else if (is === "more") {
        must(chain);
        chain.more = true;
        chain = null;
      } else {
        must(it.lines === number);
        file.ended = true;
      }
    }
  } catch (fault) {
    if (fault instanceof Unreadable || fault instanceof SyntaxError) return { broken: number };
    throw fault;
  }
  return { file, lines: number };
}

/** A row with its digest, from whichever of its parts are shown. */
function row(chain, kind, it) {
  must(isNumber(it.seq) && isHex(it.previous) && isHex(it.hash));
  const links = { seq: it.seq, previous: it.previous, hash: it.hash };
  if (!("salt" in it) && !("rest" in it)) {
    must(kind !== "blind" && isHex(it.digest));
    return { ...links, at: null, digest: bytes(it.digest), told: null };
  }
  let rest;
  let told = null;
  if ("salt" in it) {
    must((kind !== "blind" || chain === APART) && isHex(it.salt, 16) && isHex(it.people));
    for (const name of ["question", "verdict", "rules", "rulebook"]) must(isText(it[name]));
    const { question, verdict, rules, rulebook, seq } = it;
    const canonical = JSON.stringify({ chain, question, rulebook, rules, seq, verdict }) // in the order of their names
      .replace(/[\u007f-\uffff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
    rest = sha(sha(bytes(it.salt), canonical), bytes(it.people));
    const [, name, end, hash] = (chain === APART && TOLD.exec(rules)) || [];
    if (name && !name.startsWith("h_")) told = { chain: name, seq: Number(end), hash };
  } else {
    must(kind === "blind" && chain !== APART && isHex(it.rest));
    rest = bytes(it.rest);
  }
  const { at, stamp } = timeOf(it);
  return { ...links, at, digest: sha(stamp, rest), told };
}

/** What a row says of its time, from its first to its last possible moment, and what that was hashed to. */
function timeOf(it) {
  if ("hour" in it && !("salt" in it)) {
    must(isNumber(it.hour) && isNumber(it.hour * HOUR + HOUR - 1) && isHex(it.time, 16) && isHex(it.moment));
    return { at: [it.hour * HOUR, it.hour * HOUR + HOUR - 1], stamp: sha(sha(bytes(it.time), String(it.hour)), bytes(it.moment)) };
  }
  must(isNumber(it.at) && (isHex(it.time, 16) || ("salt" in it && isHex(it.time, 32))));
  const salt = bytes(it.time);
  if (salt.length === 16) return { at: [it.at, it.at], stamp: sha(salt, String(it.at)) }; // of before
  const hour = sha(salt.subarray(0, 16), String(Math.floor(it.at / HOUR)));
  return { at: [it.at, it.at], stamp: sha(hour, sha(salt.subarray(16), String(it.at))) };
}

// == notes and keys =====================================================================================================

const base64 = (text) => {
  const raw = Buffer.from(text, "base64");
  return raw.toString("base64") === text ? raw : Buffer.alloc(0);
};
const idOf = (name, raw) => sha(name, "\n", Buffer.from([1]), raw).subarray(0, 4).toString("hex");

function readKey(line) {
  const found = /^([^\s+]{1,200})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(line.trim());
  const raw = found ? base64(found[3]) : Buffer.alloc(0);
  if (raw.length !== 33 || raw[0] !== 1) return null;
  const key = raw.subarray(1);
  return idOf(found[1], key) === found[2] ? { name: found[1], id: found[2], raw: key, line: `${found[1]}+${found[2]}+${found[3]}` } : null;
}

const SPKI = Buffer.from("302a300506032b6570032100", "hex");
function signedBy(key, text, signature) {
  try {
    return verifies(null, Buffer.from(text), createPublicKey({ key: Buffer.concat([SPKI, key.raw]), format: "der", type: "spki" }), signature);
  } catch {
    return false;
  }
}

/** The text and who of `known` signed it; null when it is no note, when none did, or when one of them did wrongly. */
function openNote(note, known) {
  if (Buffer.byteLength(note) > 1_000_000 || /[\u0000-\u0009\u000b-\u001f]/.test(note) || !note.isWellFormed()) return null;
  const gap = note.lastIndexOf("\n\n");
  if (gap < 0 || !note.endsWith("\n") || note.length === gap + 2) return null;
  const text = note.slice(0, gap + 1);
  const lines = note.slice(gap + 2, -1).split("\n");
  if (lines.length > 100) return null;
  const by = [];
  for (const line of lines) {
    const [, name, packed] = /^\u2014 ([^\s+]{1,200}) (.*)$/s.exec(line) ?? [];
    const raw = packed === undefined ? Buffer.alloc(0) : base64(packed);
    if (!line.startsWith(DASH) || raw.length < 5) return null;
    const id = raw.subarray(0, 4).toString("hex");
    const key = known.find((one) => one.name === name && one.id === id);
    if (!key || by.includes(key.line)) continue;
    if (!signedBy(key, text, raw.subarray(4))) return null;
    by.push(key.line);
  }
  return by.length > 0 ? { text, by } : null;
}

function readCheckpoint(text) {
  const found = /^([^\s+]{1,200})\n(0|[1-9][0-9]{0,14})\n([A-Za-z0-9+/]{43}=)\ntime (0|[1-9][0-9]{0,14})\n$/.exec(text);
  const root = found ? base64(found[3]) : Buffer.alloc(0);
  return root.length === 32 ? { origin: found[1], size: Number(found[2]), root: root.toString("hex"), at: Number(found[4]) } : null;
}

// == the tree ===========================================================================================================

const leafOf = (it) => sha(Buffer.from([0]), `${it.chain} ${it.seq} ${it.hash}`);
const nodeOf = (left, right) => sha(Buffer.from([1]), left, right);

/** RFC 9162, 2.1.1, as it is defined there: split at the largest power of two below the length. */
function treeHash(leaves) {
  if (leaves.length === 0) return sha("");
  if (leaves.length === 1) return leaves[0];
  let split = 1;
  while (2 * split < leaves.length) split *= 2;
  return nodeOf(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

/** The root that a path leads to from a leaf, by the same splits, from the top down; null for a path of another length. */
function rootFrom(leaf, index, size, path) {
  if (size <= 1) return size === 1 && index === 0 && path.length === 0 ? leaf : null;
  if (path.length === 0) return null;
  let split = 1;
  while (2 * split < size) split *= 2;
  const top = path.at(-1);
  const below = index < split ? rootFrom(leaf, index, split, path.slice(0, -1)) : rootFrom(leaf, index - split, size - split, path.slice(0, -1));
  return below && (index < split ? nodeOf(below, top) : nodeOf(top, below));
}

/** [root of the first `first`, root of all `size`] that a consistency proof leads to; null for one of another length. */
function rootsFrom(first, size, path, oldRoot, whole = true) {
  if (first === size) {
    if (whole) return path.length === 0 ? [oldRoot, oldRoot] : null;
    return path.length === 1 ? [path[0], path[0]] : null;
  }
  if (path.length === 0) return null;
  let split = 1;
  while (2 * split < size) split *= 2;
  const top = path.at(-1);
  if (first <= split) {
    const below = rootsFrom(first, split, path.slice(0, -1), oldRoot, whole);
    return below && [below[0], nodeOf(below[1], top)];
  }
  const below = rootsFrom(first - split, size - split, path.slice(0, -1), oldRoot, false);
  return below && [nodeOf(top, below[0]), nodeOf(top, below[1])];
}

// == the questions ======================================================================================================

export function check(lines, { kept = [], key = null } = {}) {
  const { file, broken, lines: count } = load(lines);
  if (broken !== undefined) return [{ where: "(file)", number: broken, what: "unreadable" }];
  const found = new Map();
  const say = (where, number, what) => found.set(`${where} ${number} ${what}`, { where, number, what });
  if (!file.ended) say("(file)", count + 1, "missing");

  // keys
  const keys = file.keys.map((one) => readKey(one.key));
  keys.forEach((mine, place) => {
    const { since, hand_over: note } = file.keys[place];
    const before = keys[place - 1];
    let fits = Boolean(mine);
    if (place === 0) fits &&= note === null && since === 0;
    else {
      const opened = fits && before && note !== null ? openNote(note, [before, mine]) : null;
      const text = before && mine ? `${before.name}/hand-over\nold ${before.line}\nnew ${mine.line}\ntime ${since}\n` : "";
      fits &&= Boolean(opened) && before.name === mine.name && opened.text === text && opened.by.length === 2 && since > file.keys[place - 1].since;
    }
    if (!fits) say("(key)", place + 1, "hand_over_broken");
  });
  if (key !== null && !keys.some((one) => one?.line === key)) say("(key)", 1, "wrong_key");

  // what is signed
  const known = keys.filter(Boolean);
  const signed = (where, note, number) => {
    const opened = openNote(note, known);
    const said = opened ? readCheckpoint(opened.text) : null;
    if (!opened || !said) {
      say(where, number, "unsigned");
      return null;
    }
    const inForce = keys[file.keys.map((one) => one.since <= said.at).lastIndexOf(true)];
    if (!inForce || !opened.by.includes(inForce.line) || said.origin !== inForce.name) {
      say(where, number, "wrong_key");
      return null;
    }
    return { ...said, number };
  };
  const points = file.notes.map((note, place) => signed("(checkpoint)", note, place + 1)).filter(Boolean);
  const held = kept.map((note, place) => signed("(kept)", note, place + 1)).filter(Boolean);
  points.slice(1).forEach((point, place) => {
    const before = points[place];
    if (point.at < before.at) say("(checkpoint)", point.number, "back_dated");
    if (point.size < before.size || (point.size === before.size && point.root !== before.root)) say("(checkpoint)", point.number, "forked");
  });
  const newest = points.at(-1);

  // the log
  const stamped = [];
  const size = file.entries.length;
  const ends = new Map(); // how far each chain had come
  let stamps = points.map((point) => ({ size: point.size, at: point.at }));
  let since = newest?.at;
  if (file.kind === "blind") {
    file.entries.forEach((one, place) => {
      if (one.index !== place) say("(log)", place, "missing");
      if (one.seq <= (ends.get(one.chain) ?? 0)) say("(log)", place, "forked");
      ends.set(one.chain, one.seq);
      stamped.push({ ...one, index: place });
    });
    const leaves = file.entries.map(leafOf);
    for (const [where, all] of [["(checkpoint)", points], ["(kept)", held]]) {
      for (const point of all) {
        if (point.size > size) say("(log)", size, "missing");
        else if (treeHash(leaves.slice(0, point.size)).toString("hex") !== point.root) say(where, point.number, "forked");
      }
    }
    if (size > (newest?.size ?? 0)) say("(log)", newest?.size ?? 0, "extra");
    // a checkpoint that was kept is a checkpoint, also where the file has it no more
    const later = (a, b) => a.size - b.size || a.at - b.at;
    if (stamps.every((one, place) => place === 0 || later(stamps[place - 1], one) <= 0)) {
      const fitting = held.filter((one) => one.size <= size && treeHash(leaves.slice(0, one.size)).toString("hex") === one.root);
      stamps = [...stamps, ...fitting].sort(later);
      since = stamps.length > 0 ? Math.max(...stamps.map((one) => one.at)) : undefined;
    }
  } else {
    for (const one of file.proofs) {
      const root = newest && one.size === newest.size && one.index < one.size ? rootFrom(leafOf(one), one.index, one.size, one.path.map(bytes)) : null;
      if (root?.toString("hex") === newest?.root && root) stamped.push(one);
      else say("(log)", one.index, "forked");
    }
    for (const point of held) {
      if (!newest || point.size > newest.size) say("(log)", newest?.size ?? 0, "missing");
      else if (point.size === newest.size) {
        if (point.root !== newest.root) say("(kept)", point.number, "forked");
      } else if (point.size > 0) {
        const proofs = file.consistent.filter((one) => one.from === point.size && one.size === newest.size);
        const shown = proofs.some((one) => {
          const roots = rootsFrom(one.from, one.size, one.path.map(bytes), bytes(point.root));
          return roots && roots[0].toString("hex") === point.root && roots[1].toString("hex") === newest.root;
        });
        if (proofs.length === 0) say("(kept)", point.number, "unproven");
        else if (!shown) say("(kept)", point.number, "forked");
      }
    }
  }

  // chains
  const marks = new Map();
  for (const one of stamped) {
    const by = stamps.findIndex((point) => point.size > one.index);
    const mark = { seq: one.seq, hash: one.hash, signed: stamps[by]?.at, before: (by < 0 ? stamps.at(-1) : stamps[by - 1])?.at };
    if (!marks.has(one.chain)) marks.set(one.chain, []);
    marks.get(one.chain).push(mark);
  }
  const come = new Map(); // how far each chain had come of which the chain apart tells
  for (const chain of file.chains) {
    const tells = walk(chain, marks.get(chain.name) ?? [], since, (number, what) => say(chain.name, number, what));
    for (const { number, head, by } of tells) {
      if (!marks.has(head.chain)) marks.set(head.chain, []);
      const its = marks.get(head.chain);
      const end = come.get(head.chain) ?? Math.max(0, ...its.map((one) => one.seq));
      if (head.seq <= end) say(APART, number, "forked");
      its.push({ seq: head.seq, hash: head.hash, signed: by.signed, before: by.before });
      come.set(head.chain, Math.max(head.seq, end));
    }
  }
  if (file.kind === "blind") {
    for (const name of marks.keys()) if (!file.chains.some((one) => one.name === name)) say(name, 1, "missing");
  }
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return [...found.values()].sort((a, b) => order(a.where, b.where) || a.number - b.number || order(a.what, b.what));
}

/** What is wrong with a chain goes to `say`; what comes back are the ends of others that it tells, and the mark that covers each. */
function walk(chain, all, since, say) {
  const tells = [];
  const marks = all.filter((one) => one.seq > chain.after).sort((a, b) => a.seq - b.seq);
  let count = chain.after;
  let last = chain.after > 0 ? chain.last : ZERO;
  let latest = -Infinity;
  let forked = false;
  let met = -1; // the highest number so far: what was passed is not met again
  for (const one of chain.rows) {
    if (one.seq > count + 1) say(count + 1, "missing");
    else if (one.seq <= count || one.previous !== last) say(one.seq, "out_of_order");
    const sound = sha(bytes(one.previous), one.digest).toString("hex") === one.hash;
    if (!sound) say(one.seq, "altered");
    met = Math.max(met, one.seq);
    const mark = marks.find((it) => it.seq >= met);
    if (mark && mark.seq === one.seq && mark.hash !== one.hash && !forked) {
      forked = true;
      say(one.seq, "forked");
    }
    if (sound && one.at !== null) {
      const low = Math.max((mark ? mark.before : since) ?? -Infinity, latest);
      const [from, to] = one.at;
      if (to < low - TOLERANCE_MS) say(one.seq, "back_dated");
      else if (mark?.signed !== undefined && from > mark.signed + TOLERANCE_MS) say(one.seq, "post_dated");
      latest = Math.max(latest, from);
    }
    if (sound && one.told && mark) tells.push({ number: one.seq, head: one.told, by: mark });
    count = one.seq;
    last = one.hash;
  }
  if (chain.head) {
    if (count < chain.head.seq) say(count + 1, "missing");
    else if (count > chain.head.seq) say(chain.head.seq + 1, "extra");
    else if (last !== chain.head.hash) say(chain.head.seq, "altered");
  }
  if (!chain.more && marks.some((one) => one.seq > count)) say(count + 1, "missing");
  return tells;
}

// == the command ========================================================================================================

const linesOf = (text) => text.split("\n").filter((line, place, all) => line !== "" || place < all.length - 1);

/** There is nothing to look at: one sentence, and not the exit code of a finding. */
function stop(why) {
  console.error(why);
  process.exit(2);
}

function contentOf(file) {
  try {
    return readFileSync(file ?? "", "utf8");
  } catch {
    return stop(`${file ?? "The file after --checkpoint"} cannot be read.`);
  }
}

if (process.argv.includes("--batch")) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { lines, kept, key } = JSON.parse(line);
    console.log(JSON.stringify(check(lines, { kept, key })));
  }
} else {
  const kept = [];
  let key = null;
  let file = null;
  const words = process.argv.slice(2);
  while (words.length > 0) {
    const word = words.shift();
    if (word === "--checkpoint") kept.push(contentOf(words.shift()));
    else if (word === "--key") key = words.shift();
    else file = word;
  }
  if (file === null) stop("Which export? node verify_record.mjs EXPORT [--checkpoint FILE]... [--key KEY]");
  const found = check(linesOf(contentOf(file)), { kept, key });
  console.log(JSON.stringify({ whole: found.length === 0, findings: found }, null, 2));
  process.exitCode = found.length > 0 ? 1 : 0;
}
