// The browser's marking modules in Node, asked one question a line by tests/seal_node.py. Nothing here decides anything.
// Of a browser there is only what marks.js asks one for: a worker, a processor and a generator that do nothing, and say what the test says.
import { createHash, webcrypto } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

globalThis.crypto ??= webcrypto; // Node 18

const { encode } = await import("./mark/code.js");
const pattern = await import("./mark/pattern.js");
const { Marker } = await import("./mark/marker.js");
const { Pace } = await import("./mark/pace.js");
const { CannotMark, Marks, way } = await import("./mark/marks.js");
const { Copies } = await import("./mark/copies.js");

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const spelt = (signs) => [...signs].map((sign) => (sign > 0 ? "+" : "-")).join("");
const tiles = new Map();
async function tileOf(key) {
  if (!tiles.has(key)) tiles.set(key, await pattern.tile(bytes(key)));
  return tiles.get(key);
}

const page = { marks: null, workers: [], told: [], tracks: new Map(), waiting: false };

class Track {
  kind = "video";
  readyState = "live";
  contentHint = "";
  stop() {
    this.readyState = "ended";
  }
}

/** A browser of a few lines. `can`: it has track processors; `comes`: its worker does. */
function browser({ can, comes }) {
  page.workers = [];
  delete globalThis.MediaStreamTrackProcessor;
  delete globalThis.MediaStreamTrackGenerator;
  globalThis.Worker = class {
    told = [];
    gone = false;
    constructor(address) {
      this.address = `${address}`;
      page.workers.push(this);
      if (comes) setTimeout(() => this.onmessage({ data: { k: "awake" } }));
      else setTimeout(() => this.onerror({}));
    }
    postMessage(told) {
      this.told.push(told);
      if (told.k === "key") setTimeout(() => this.onmessage({ data: { k: "ready" } }));
    }
    terminate() {
      this.gone = true;
    }
  };
  if (!can) return;
  globalThis.MediaStreamTrackProcessor = class { readable = {}; };
  globalThis.MediaStreamTrackGenerator = class extends Track { writable = {}; };
}

/** A dresser that does what the test says, when it says so: who is being dressed waits. */
function dresser(said) {
  const waiting = new Map();
  return {
    waiting,
    onunmarked: () => {},
    dress: (camera, { ref, id, quarter }) => {
      said.push(["dress", ref, camera, id, quarter]);
      return new Promise((resolve, reject) => waiting.set(ref, { done: () => resolve(`${camera} for ${ref}`), never: () => reject(new Error("stopped")) }));
    },
    undress: (ref) => (said.push(["undress", ref]), waiting.get(ref)?.never(), waiting.delete(ref)),
    stop: () => said.push(["stop"]),
  };
}

const asks = {
  /** Steps in their order, and what was said at each. */
  copies: async ({ steps, key = true }) => {
    const said = [];
    const marks = key ? dresser(said) : null;
    const copies = new Copies(marks);
    copies.ontrack = (ref, track) => said.push(["track", ref, track]);
    copies.onmarked = (ref, why) => said.push(["marked", ref, why]);
    const answers = [];
    for (const [step, ...what] of steps) {
      if (step === "people") copies.people(what[0]);
      if (step === "camera") copies.camera(what[0]);
      if (step === "dressed") marks.waiting.get(what[0]).done();
      if (step === "dressed too late") marks.waiting.get(what[0]).done(), copies.camera(null); // before anybody heard that it is done
      if (step === "unmarked") marks.onunmarked(...what);
      if (step === "stop") copies.stop();
      await new Promise((later) => setTimeout(later));
      answers.push(said.splice(0));
    }
    return answers;
  },
  encode: ({ id }) => spelt(encode(id)),
  tile: async ({ key }) => {
    const { cells, signs, dither } = await tileOf(key);
    return { cells: [...cells], signs: spelt(signs), dither: [...dither.subarray(0, 16)] };
  },
  signs: async ({ key, id }) => spelt(pattern.signsOf(await tileOf(key), id)),
  level: ({ seconds, quarter }) => pattern.level(seconds, quarter),
  key: ({ text }) => Buffer.from(pattern.keyFrom(text)).toString("hex"),
  /** `ahead`: all are made beforehand, one at a time. */
  pictures: async ({ key, id, width, height, ahead }) => {
    const pictures = new pattern.Pictures(await tileOf(key), id, { width, height, amplitude: pattern.LUMA_32NDS });
    for (let n = 0; ahead && n < 30; n++) pictures.ahead();
    const hash = createHash("sha256");
    for (let m = -pattern.LEVELS; m <= pattern.LEVELS; m++) hash.update(pictures.at(m));
    return { sha256: hash.digest("hex"), top: [...pictures.at(pattern.LEVELS).subarray(0, 32)] };
  },
  /** A file of frames, each of `size` bytes, marked one after the other by one marker. */
  mark: async ({ key, id, quarter, from, to, size, times, ...layout }) => {
    const marker = new Marker(await tileOf(key), { id, quarter });
    const [read, write] = [openSync(from, "r"), openSync(to, "w")];
    try {
      for (const seconds of times) {
        const data = new Uint8ClampedArray(size);
        readSync(read, data);
        marker.mark({ data, ...layout }, seconds);
        writeSync(write, data);
      }
    } finally {
      closeSync(read);
      closeSync(write);
    }
  },
  pace: ({ pictures }) => {
    const pace = new Pace();
    return pictures.map(([took, seconds, now]) => pace.done(took, seconds, now)).filter((one) => one !== null);
  },
  begin: ({ key, can = true, comes = true }) => {
    browser({ can, comes });
    page.marks = new Marks(key);
    page.told = [];
    page.tracks.clear();
    page.marks.onunmarked = (ref, why) => page.told.push([ref, why]);
    return way();
  },
  /** Several at once, as a page does. `cameras`: the name of the camera of each. */
  dress: async ({ who }) => {
    const done = who.map(({ camera, then, ...whose }) => {
      if (!page.tracks.has(camera)) page.tracks.set(camera, new Track());
      const dressing = page.marks.dress(page.tracks.get(camera), whose);
      if (then === "undress") page.marks.undress(whose.ref);
      if (then === "shut") page.tracks.get(camera).stop();
      if (then === "stop") page.marks.stop();
      return dressing.then(
        (track) => (page.tracks.set(whose.ref, track), track.readyState),
        (fault) => (fault instanceof CannotMark ? fault.why : `${fault}`),
      );
    });
    return Promise.all(done);
  },
  undress: ({ ref }) => page.marks.undress(ref),
  stop: () => page.marks.stop(),
  say: ({ said }) => page.workers.at(-1).onmessage({ data: said }),
  breaks: () => page.workers.at(-1).onerror({}),
  page: () => ({
    told: page.told.splice(0),
    workers: page.workers.map(({ address, told, gone }) => ({ address, gone, words: told.map(({ k, n, ref, whose }) => [k, n ?? null, ref ?? whose?.ref ?? null]) })),
    states: Object.fromEntries([...page.tracks].map(([name, { readyState }]) => [name, readyState])),
  }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...what } = JSON.parse(line);
  let answer;
  try {
    answer = { is: (await asks[ask](what)) ?? null };
  } catch (fault) {
    answer = { fault: `${fault}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
