// A page with a camera of its own making, and the marks that our pages use. What comes out is handed to the test as luma with timestamps.
import { CannotMark, Marks, way } from "/shared/mark/marks.js";
import { Pace } from "/shared/mark/pace.js";

const WIDTH = 640;
const HEIGHT = 480;
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));

const soon = (ms) => new Promise((done) => setTimeout(done, ms));
const told = [];
const paced = [];
let marks = null;
let camera = null;

/** A wall with a texture and a head that sways before it, 30 times a second. */
function painted(width = WIDTH, height = HEIGHT) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const paint = canvas.getContext("2d", { alpha: false });
  const wall = new ImageData(width, height);
  let chance = 7;
  for (let n = 0; n < wall.data.length; n += 4) {
    chance = (chance * 1103515245 + 12345) & 0x7fffffff;
    const shade = 110 + 40 * Math.sin(n / 4 / width / 31) + 25 * Math.sin(((n / 4) % width) / 23) + (chance >> 16) % 14;
    wall.data.set([shade, shade, shade, 255], n);
  }
  let n = 0;
  const draw = () => {
    paint.putImageData(wall, 0, 0);
    paint.fillStyle = "rgb(170 150 140)";
    paint.beginPath();
    paint.ellipse(width / 2 + (width / 20) * Math.sin(n++ / 19), height / 2, width / 7, height / 4, 0, 0, 2 * Math.PI);
    paint.fill();
  };
  draw();
  const painting = setInterval(draw, 33);
  const track = canvas.captureStream(30).getVideoTracks()[0];
  return { track, end: () => clearInterval(painting) };
}

/** The browser's own made-up camera: it gives frames as a camera does. */
async function real() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: WIDTH, height: HEIGHT, frameRate: 30 } });
  return { track: stream.getVideoTracks()[0] };
}

/** Our own camera, and marks with this key. */
async function begin({ key, own = false, width, height }) {
  camera = own ? await real() : painted(width, height);
  marks = new Marks(key);
  marks.onunmarked = (ref, why) => told.push([ref, why]);
  marks.onpaced = (numbers) => paced.push(numbers);
  return way();
}

const dressed = new Map();

async function dress(whose) {
  try {
    const track = await marks.dress(camera.track, whose);
    dressed.set(whose.ref, track);
    return track.readyState;
  } catch (fault) {
    return fault instanceof CannotMark ? fault.why : `${fault}`;
  }
}

/** The same track at the far end of a connection of our own, VP8. */
async function through(track) {
  const [here, there] = [new RTCPeerConnection(), new RTCPeerConnection()];
  here.onicecandidate = ({ candidate }) => candidate && there.addIceCandidate(candidate);
  there.onicecandidate = ({ candidate }) => candidate && here.addIceCandidate(candidate);
  const arrived = new Promise((done) => (there.ontrack = (event) => done(event.track)));
  const transceiver = here.addTransceiver(track, { direction: "sendonly", sendEncodings: [{ maxBitrate: 1_000_000 }] });
  transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities("video").codecs.filter((codec) => codec.mimeType === "video/VP8"));
  await here.setLocalDescription(await here.createOffer());
  await there.setRemoteDescription(here.localDescription);
  await there.setLocalDescription(await there.createAnswer());
  await here.setRemoteDescription(there.localDescription);
  return arrived;
}

/** @param about what it is; @param bytes arrays, one after the other */
const post = (about, bytes) => fetch(`/taken?${new URLSearchParams({ about: JSON.stringify(about) })}`, { method: "POST", body: new Blob(bytes) });

/** Look at a track until it has kept its size for so many seconds, and post what was seen in them. */
async function take(name, track, seconds) {
  const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, srcObject: new MediaStream([track]) });
  document.body.append(video);
  const canvas = document.createElement("canvas");
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  let times = [];
  let frames = [];
  await new Promise((done) => {
    const each = (now) => {
      const { videoWidth: width, videoHeight: height } = video;
      if (canvas.width !== width || canvas.height !== height) {
        Object.assign(canvas, { width, height });
        times = [];
        frames = [];
      }
      paint.drawImage(video, 0, 0);
      const { data } = paint.getImageData(0, 0, width, height);
      const luma = new Uint8Array(width * height);
      for (let n = 0; n < luma.length; n++) luma[n] = (77 * data[4 * n] + 150 * data[4 * n + 1] + 29 * data[4 * n + 2]) >> 8;
      frames.push(luma);
      times.push(now / 1000);
      if (now / 1000 - times[0] < seconds) video.requestVideoFrameCallback(each);
      else done();
    };
    video.requestVideoFrameCallback(each);
  });
  video.remove();
  await post({ name, width: canvas.width, height: canvas.height, times }, frames);
  return frames.length;
}

/** Frames of the camera and of dressed tracks, side by side, by their timestamps: their luma as it is. Chromium only. */
async function pairs(name, refs, wanted) {
  const seen = await Promise.all([camera.track, ...refs.map((ref) => dressed.get(ref))].map(async (track) => {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    const frames = new Map();
    for (let n = 0; n < 3 * wanted; n++) {
      const { value: frame } = await reader.read();
      const bytes = new Uint8Array(frame.allocationSize());
      const [{ offset, stride }] = await frame.copyTo(bytes);
      if (stride !== WIDTH) throw new Error("stride");
      frames.set(frame.timestamp, { luma: bytes.slice(offset, offset + WIDTH * HEIGHT), format: frame.format });
      frame.close();
    }
    await reader.cancel();
    return frames;
  }));
  const [first] = seen;
  const times = [...first.keys()].filter((time) => seen.every((one) => one.has(time))).slice(0, wanted);
  const formats = [...new Set(seen.flatMap((one) => [...one.values()].map(({ format }) => format)))];
  await post({ name, width: WIDTH, height: HEIGHT, times, formats }, seen.flatMap((one) => times.map((time) => one.get(time).luma)));
  return times.length;
}

/** A frame of one grey in this format goes in, and the marked one is posted: its first plane, packed into rows without gaps. Chromium only. */
async function kind(name, format, width, height, whose) {
  const bytesOf = { RGBA: 4 * width * height, BGRX: 4 * width * height, I420P10: 3 * width * height };
  const bytes = new Uint8Array(bytesOf[format] ?? width * height + 2 * Math.ceil(width / 2) * Math.ceil(height / 2)).fill(128);
  if (format === "I420P10") new Uint16Array(bytes.buffer).fill(512);
  const generator = new MediaStreamTrackGenerator({ kind: "video" });
  const writer = generator.writable.getWriter();
  let n = 0;
  const painting = setInterval(() => {
    const frame = new VideoFrame(bytes, { format, codedWidth: width, codedHeight: height, timestamp: 33_000 * n++ });
    writer.write(frame).catch(() => frame.close());
  }, 33);
  const track = await marks.dress(generator, whose);
  const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
  const { value: frame } = await reader.read();
  clearInterval(painting);
  const { visibleRect, timestamp, displayWidth, displayHeight } = frame;
  const copy = new Uint8Array(frame.allocationSize());
  const [{ offset, stride }] = await frame.copyTo(copy);
  const row = ["I420", "NV12"].includes(frame.format) ? visibleRect.width : 4 * visibleRect.width;
  const rows = Array.from({ length: visibleRect.height }, (_, y) => copy.slice(offset + y * stride, offset + y * stride + row));
  await post({ name, width: row, height: visibleRect.height, timestamp, format: frame.format, shown: [displayWidth, displayHeight] }, rows);
  frame.close();
  await reader.cancel();
  marks.undress(whose.ref);
  generator.stop();
}

/** Shown, so that it is decoded. */
function watched(track) {
  document.body.append(Object.assign(document.createElement("video"), { muted: true, autoplay: true, srcObject: new MediaStream([track]) }));
}

/** The yardstick, for as long as the camera is on: its numbers go where those of the marks go. */
async function passThrough(encoded) {
  const out = way() === "canvas" ? passCanvas() : passProcessor();
  if (encoded) watched(await through(out));
}

function passProcessor() {
  const rules = { createScriptURL: (url) => url };
  const worker = new Worker((globalThis.trustedTypes?.createPolicy("ringfence", rules) ?? rules).createScriptURL("/pass.js"), { type: "module" });
  const { readable } = new MediaStreamTrackProcessor({ track: camera.track, maxBufferSize: 1 });
  const generator = new MediaStreamTrackGenerator({ kind: "video" });
  const { writable } = generator;
  worker.onmessage = ({ data }) => paced.push(data);
  worker.postMessage({ readable, writable }, [readable, writable]);
  return generator;
}

/** The same by canvas: drawn, read and painted as it is. */
function passCanvas() {
  const video = Object.assign(document.createElement("video"), { muted: true, srcObject: new MediaStream([camera.track]) });
  const size = { width: WIDTH, height: HEIGHT };
  const [reads, paints] = [0, 1].map(() => Object.assign(document.createElement("canvas"), size).getContext("2d", { alpha: false, willReadFrequently: true }));
  const out = paints.canvas.captureStream();
  const pace = new Pace();
  const each = (now) => {
    if (!out.active) return;
    video.requestVideoFrameCallback(each);
    const began = performance.now();
    reads.drawImage(video, 0, 0);
    paints.putImageData(reads.getImageData(0, 0, WIDTH, HEIGHT), 0, 0);
    const done = performance.now();
    const numbers = pace.done(done - began, now / 1000, done);
    if (numbers) paced.push(numbers);
  };
  video.requestVideoFrameCallback(each);
  void video.play();
  return out.getVideoTracks()[0];
}

/** Forget the numbers so far and wait for so many windows. */
async function windows(count) {
  paced.length = 0;
  while (paced.length < count) await soon(100);
  return paced.slice(0, count);
}

const state = () => ({ told, paced, ends: Object.fromEntries([...dressed].map(([ref, { readyState }]) => [ref, readyState])) });

window.rig = { begin, dress, take, pairs, kind, through, passThrough, watched, windows, state, soon, track: (ref) => dressed.get(ref), camera: () => camera, marks: () => marks };
