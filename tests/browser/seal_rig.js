// Two connections in one page, each with a keeper and a worker of its own, and between them a wire that carries everything.
// What a page of ours does in a call, in as few lines; and, when asked, what it must never do.
import { CannotSeal, Keeper, SEALED, support } from "/shared/seal/keeper.js";
import { Ring } from "/shared/seal/ring.js";
import { verifyStatement } from "/shared/seal/roster.js";

const ends = {};
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));

const soon = () => new Promise((done) => setTimeout(done, 0));

/** What a server would hand out of somebody: each signs for the own device. */
async function vouched(name) {
  const [ring, contact] = [new Ring(name), `x_${name}`];
  const key = await ring.id();
  const roster = await ring.statement({ v: 1, t: "roster", contact, side: "a", devices: [key], guardian: key, serial: 1, at: 0 });
  ring.close();
  return { ref: name, contact, side: "a", roster, knows: null };
}

async function end(name, index, { flag, call }) {
  const keeper = new Keeper({ call, index, me: name });
  const told = { sealed: [], opened: [], kids: [], confirmed: [], dark: [], refused: [], unsigned: [], failed: [], order: [] };
  keeper.onsealed = (kind) => told.sealed.push(kind);
  keeper.onopened = (mid, kind, index) => told.opened.push([mid, kind, index]);
  keeper.onkids = (kids) => told.kids.push(kids);
  keeper.onconfirmed = (ref) => told.confirmed.push(ref);
  keeper.ondark = (ref) => told.dark.push(ref);
  keeper.onrefused = (ref, why) => told.refused.push([ref, why]);
  keeper.onunsigned = (ref, why) => told.unsigned.push([ref, why]);
  keeper.onfailed = (why) => told.failed.push(why);
  await keeper.start();
  const pc = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle", ...(flag ? SEALED : {}) });
  pc.onicecandidate = ({ candidate }) => candidate && ends[name === "maya" ? "theo" : "maya"].pc.addIceCandidate(candidate);
  pc.ontrack = ({ track }) => {
    const show = document.createElement(track.kind);
    Object.assign(show, { autoplay: true, srcObject: new MediaStream([track]), muted: true, className: name });
    document.body.append(show);
  };
  return (ends[name] = { keeper, pc, told, index });
}

/**
 * keyed: carry bodies. flag: Chromium's own switch. late: theo puts his transforms on one task too late. sends: who sends.
 */
async function begin({ keyed = true, flag = true, late = false, sends = ["maya", "theo"], call = "c_1", plain = [] } = {}) {
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
  const maya = await end("maya", 0, { flag, call });
  const theo = await end("theo", 1, { flag, call });
  if (keyed) {
    maya.keeper.onsend = (ref, body) => theo.keeper.body("maya", body);
    theo.keeper.onsend = (ref, body) => maya.keeper.body("theo", body);
    maya.keeper.roster(await vouched("theo"));
    theo.keeper.roster(await vouched("maya"));
    maya.keeper.peer("theo", 1);
    theo.keeper.peer("maya", 0);
  }
  for (const kind of ["audio", "video"]) maya.pc.addTransceiver(kind, { direction: "sendrecv" });
  // VP8 without RTX, as our gate offers it: with RTX Chromium sends old pictures again to measure the way.
  const vp8 = RTCRtpReceiver.getCapabilities("video").codecs.filter((codec) => codec.mimeType === "video/VP8");
  maya.pc.getTransceivers()[1].setCodecPreferences(vp8);
  maya.pc.getTransceivers().forEach((one, n) => plain.includes("maya") || maya.keeper.attach(one, { mid: String(n), index: 1 }));
  await maya.pc.setLocalDescription(await maya.pc.createOffer());
  await theo.pc.setRemoteDescription(maya.pc.localDescription);
  if (late) await soon();
  for (const one of theo.pc.getTransceivers()) theo.keeper.attach(one, { mid: one.mid, index: 0 });
  for (const one of theo.pc.getTransceivers()) one.direction = "sendrecv";
  for (const [name, { pc }] of Object.entries(ends)) {
    if (!sends.includes(name)) continue;
    for (const one of pc.getTransceivers()) {
      await one.sender.replaceTrack(media.getTracks().find((track) => track.kind === one.receiver.track.kind) ?? null);
    }
  }
  await theo.pc.setLocalDescription(await theo.pc.createAnswer());
  await maya.pc.setRemoteDescription(theo.pc.localDescription);
}

async function seen(name) {
  const { pc, keeper, told } = ends[name];
  const watch = await keeper.watch(pc);
  const counted = { framesDecoded: 0, audioPackets: 0, samples: 0, energy: 0, videoPackets: 0, sentAudio: 0, sentVideo: 0 };
  for (const [, one] of await pc.getStats()) {
    if (one.type === "inbound-rtp" && one.kind === "video") {
      counted.framesDecoded += one.framesDecoded ?? 0;
      counted.videoPackets += one.packetsReceived ?? 0;
    } else if (one.type === "inbound-rtp") {
      counted.audioPackets += one.packetsReceived ?? 0;
      counted.energy += one.totalAudioEnergy ?? 0;
    } else if (one.type === "outbound-rtp") {
      counted[one.kind === "video" ? "sentVideo" : "sentAudio"] += one.packetsSent ?? 0;
    }
  }
  const shows = [...document.querySelectorAll(`video.${name}`)].some((video) => video.videoWidth > 0);
  return { watch, told, counted, shows, numbers: await keeper.numbers(), state: pc.connectionState };
}

/** The identity in the store: its public half, and what comes of asking for the private one. */
async function identity(me) {
  const db = await new Promise((done) => (indexedDB.open("ringfence-seal").onsuccess = (event) => done(event.target.result)));
  const get = db.transaction("identities").objectStore("identities").get(me);
  await new Promise((done) => (get.onsuccess = done));
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", get.result.publicKey));
  const taken = await crypto.subtle.exportKey("pkcs8", get.result.privateKey).then(() => "taken", (fault) => fault.name);
  db.close();
  return { id: [...raw].join(), taken, extractable: get.result.privateKey.extractable };
}

/** What the page can say with its identity, and who believes it. */
async function ring(me) {
  const [one, again] = [new Ring(me), new Ring(me)];
  const id = await one.id();
  const { m, s } = JSON.parse(await one.statement({ t: "test" }));
  const [holds, other, changed] = [verifyStatement(id, m, s), verifyStatement(await new Ring(`${me}-2`).id(), m, s), verifyStatement(id, `${m} `, s)];
  const same = (await again.id()) === id;
  one.close();
  again.close();
  return { id, m, same, held: await Promise.all([holds, other, changed]), after: await one.id().then((now) => now === id) };
}

/** Attach before the keeper is ready; and in a browser that lacks transforms. */
async function refusals() {
  const said = [];
  const keeper = new Keeper({ call: "c_9", index: 0, me: "maya" });
  const pc = new RTCPeerConnection();
  try {
    keeper.attach(pc.addTransceiver("audio"), { mid: "0", index: 1 });
  } catch (fault) {
    said.push(fault instanceof CannotSeal && fault.why);
  }
  const kept = window.RTCRtpScriptTransform;
  delete window.RTCRtpScriptTransform;
  said.push(support());
  await keeper.start().catch((fault) => said.push(fault instanceof CannotSeal && fault.why));
  window.RTCRtpScriptTransform = kept;
  said.push(support());
  pc.close();
  return said;
}

/** Lea comes and goes at maya's and theo's, while they talk: a keeper without a connection. */
async function third() {
  const lea = new Keeper({ call: "c_1", index: 2, me: "lea" });
  const { maya, theo } = ends;
  await lea.start();
  const carry = (from) => (ref, body) => ({ maya: maya.keeper, theo: theo.keeper, lea })[ref].body(from, body);
  lea.onsend = carry("lea");
  maya.keeper.onsend = carry("maya");
  theo.keeper.onsend = carry("theo");
  let met = 0;
  const both = new Promise((done) => (lea.onconfirmed = () => ++met === 2 && done(undefined)));
  for (const [name, { keeper, index }] of Object.entries(ends)) {
    keeper.roster(await vouched("lea"));
    lea.roster(await vouched(name));
    keeper.peer("lea", 2);
    lea.peer(name, index);
  }
  await both;
  await new Promise((done) => setTimeout(done, 500));
  lea.close();
  for (const { keeper } of [maya, theo]) keeper.gone("lea");
  await new Promise((done) => setTimeout(done, 500));
}

Object.assign(window, { rig: { begin, seen, identity, refusals, ring, support, third } });
