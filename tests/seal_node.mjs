// The browser's sealing modules in Node, asked one question a line by tests/seal_node.py. Nothing here decides anything.
// The modules themselves need no page; what the worker's rim gives them is given here: a clock moved by hand, a store that is a map.
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18
const made = []; // every 16 random bytes: base keys are among them, and no message may carry one
const real = crypto.getRandomValues.bind(crypto);
crypto.getRandomValues = (bytes) => (bytes.length === 16 && made.push(Buffer.from(real(bytes)).toString("hex")), bytes.length === 16 ? bytes : real(bytes));

const sframe = await import("./seal/sframe.js");
const agree = await import("./seal/agree.js");
const { Session } = await import("./seal/session.js");
const { watchdog, tally } = await import("./seal/keeper.js");
const { Sealed } = await import("./sealed.js");
const { Comparison, oneMoreTry } = await import("./seal/compare.js");

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const keys = new Map();
const vaults = new Map();
const devices = new Map();
const comparisons = new Map();
let clock = 1_800_000_000_000;
let timers = [];

function vaultOf(me) {
  if (!vaults.has(me)) {
    const identity = agree.makeIdentity();
    const met = new Map();
    let own;
    vaults.set(me, {
      identity: () => identity,
      met: async (_, ref) => met.get(ref),
      meet: async (_, ref, one) => void met.set(ref, one),
      own: async () => own,
      setOwn: async (_, key) => void (own = key),
    });
  }
  return vaults.get(me);
}

/** A page's side with a worker that only writes down what it is told. Nothing is asked of a server: there is none. */
class Scribe {
  told = [];
  constructor() {
    Scribe.newest = this;
    setTimeout(() => this.onmessage({ data: { k: "awake" } }));
  }
  postMessage(told) {
    this.told.push(told);
    if (told.k === "init") setTimeout(() => this.onmessage({ data: { k: "ready", hello: "" } }));
  }
  terminate() {}
}

async function page() {
  Object.assign(globalThis, { RTCRtpScriptTransform: class {}, Worker: Scribe, indexedDB: {}, fetch: () => new Promise(() => {}) });
  for (const end of ["RTCRtpSender", "RTCRtpReceiver"]) globalThis[end] = class { set transform(_) {} };
  const sealed = new Sealed({ me: "p_maya", state: "ready", send: async () => ({}) }, { call: "c_1", index: 1 });
  await sealed.ready;
  return { sealed, told: Scribe.newest.told };
}

async function drain() {
  for (const { session } of devices.values()) await session.handle({ k: "stats" });
}

const look = (kind, data) => sframe.lookAtFrame(kind, bytes(data));
const asks = {
  encode: ({ kid, ctr }) => hex(sframe.encodeHeader(BigInt(kid), BigInt(ctr))),
  decode: ({ data }) => {
    const { kid, ctr, length } = sframe.decodeHeader(bytes(data));
    return [String(kid), String(ctr), length];
  },
  derive: async ({ base, kid }) => {
    const { key, salt } = await sframe.derive(bytes(base), kid);
    return [hex(key), hex(salt)];
  },
  sealer: async ({ id, base, kid, first }) => void keys.set(id, await sframe.SealingKey.from(bytes(base), kid, first ?? 0)),
  opener: async ({ id, base, kid }) => void keys.set(id, await sframe.OpeningKey.from(bytes(base), kid)),
  seal: async ({ id, data, metadata }) => hex(await keys.get(id).seal(bytes(data), bytes(metadata ?? ""))),
  open: async ({ id, data, metadata }) =>
    hex(await keys.get(id).open(bytes(data), sframe.decodeHeader(bytes(data)), bytes(metadata ?? ""))),
  open_twice: async ({ id, data }) => {
    const once = () => keys.get(id).open(bytes(data), sframe.decodeHeader(bytes(data)), bytes("")).then(hex, (fault) => fault.why);
    return Promise.all([once(), once()]);
  },
  seal_frame: async ({ id, kind, whole, data }) => hex(await sframe.sealFrame(keys.get(id), kind, whole, bytes(data))),
  open_frame: async ({ id, kind, data }) => {
    const { kid, metadata, sealed, header } = look(kind, data);
    if (kid !== keys.get(id).kid) throw Object.assign(new Error("kid"), { why: "kid" });
    return hex(await keys.get(id).open(sealed, header, metadata));
  },
  device: async ({ id, me, ...place }) => {
    const posts = [];
    const vault = vaultOf(me);
    const session = new Session({ vault, now: () => clock, later: (ms, what) => timers.push({ at: clock + ms, what }), post: (said) => posts.push(said) });
    devices.set(id, { session, posts, asked: [] });
    await session.handle({ k: "init", me, ...place });
  },
  id: async ({ me }) => agree.publicOf(await vaultOf(me).identity()),
  own: ({ me, key }) => vaultOf(me).setOwn(me, key),
  met: async ({ me, ref }) => (await vaultOf(me).met(me, ref)) ?? null,
  tell: ({ id, told }) => devices.get(id).session.handle(told).then(() => undefined),
  posts: async ({ id }) => {
    await drain();
    return devices.get(id).posts.splice(0).filter((said) => said.k !== "stats");
  },
  stats: async ({ id }) => {
    const { session, posts } = devices.get(id);
    await session.handle({ k: "stats" });
    return posts.filter((said) => said.k === "stats").at(-1);
  },
  clock: async ({ ms }) => {
    const until = clock + ms;
    for (;;) {
      const due = timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      timers = timers.filter((one) => one !== due);
      clock = Math.max(clock, due.at);
      due.what();
      await drain();
    }
    clock = until;
  },
  now: () => clock,
  incoming: ({ id, mid, kind, index }) => {
    const { session, asked } = devices.get(id);
    session.incoming({ side: "recv", kind, mid, index }, () => asked.push(clock));
  },
  asked: ({ id }) => devices.get(id).asked.splice(0),
  outgoing: ({ id, mid, index }) => devices.get(id).session.outgoing({ mid, index }),
  out: async ({ id, kind, type, data, mid }) => {
    const frame = { data: bytes(data).buffer, type };
    return (await devices.get(id).session.seal(kind, frame, mid ?? kind)) === true ? hex(frame.data) : null;
  },
  in: async ({ id, mid, data }) => {
    const frame = { data: bytes(data).buffer };
    return (await devices.get(id).session.open(mid, frame)) === true ? hex(frame.data) : null;
  },
  made: () => made,
  page: async ({ steps }) => {
    const { sealed, told } = await page();
    const said = [];
    for (const [what, ...args] of steps) {
      let fault = null;
      try {
        sealed[what](...args);
      } catch (thrown) {
        fault = thrown.why;
      }
      said.push([fault, ...told.splice(0).filter(({ k }) => ["claim", "peer", "gone"].includes(k)).map(({ k, ...rest }) => [k, ...Object.values(rest)])]);
    }
    sealed.close();
    return said;
  },
  commit: ({ id, random }) => agree.commit(id, random),
  reveal: ({ commitment, id, random }) => agree.open(commitment, id, random).then(() => "fits"),
  copy_kid: ({ viewer, index, epoch }) => sframe.copyKidOf(viewer, index, epoch),
  look: ({ kind, data }) => {
    const { kid, index, viewer } = look(kind, data);
    return [kid, index, viewer];
  },
  pictures: ({ four }) => agree.pictures(...four),
  compare_begin: async ({ name, key }) => {
    comparisons.set(name, await Comparison.begin(key));
    return comparisons.get(name).commitment;
  },
  compare_answer: async ({ name, key, commitment }) => void comparisons.set(name, await Comparison.answer(key, commitment)),
  compare_reveal: ({ name }) => comparisons.get(name).reveal,
  compare_hear: ({ name, theirs }) => comparisons.get(name).hear(theirs),
  compare_pictures: ({ name }) => comparisons.get(name).pictures,
  compare_tries: ({ tries, now }) => oneMoreTry(tries, now),
  watchdog: ({ counted, numbers }) => watchdog(counted, numbers),
  tally: ({ report }) => tally(report),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...what } = JSON.parse(line);
  let answer;
  try {
    answer = { is: (await asks[ask](what)) ?? null };
  } catch (fault) {
    answer = { fault: fault.why ?? `${fault}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
