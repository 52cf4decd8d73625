// A page with a camera of its own making, and the marks that our pages use. What comes out is handed to the test as luma with timestamps.
import { CannotMark, Marks, way } from "/shared/mark/marks.js";

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

const state = () => ({ told, paced, ends: Object.fromEntries([...dressed].map(([ref, { readyState }]) => [ref, readyState])) });

window.rig = { begin, dress, take, pairs, through, state, soon, track: (ref) => dressed.get(ref), camera: () => camera, marks: () => marks };
