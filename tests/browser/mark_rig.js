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

/** Our own camera, and marks with this key. */
function begin({ key, width, height }) {
  camera = painted(width, height);
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

/** Look at a track for so many seconds of its own time and post what is seen. */
async function take(name, track, seconds) {
  const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, srcObject: new MediaStream([track]) });
  document.body.append(video);
  const canvas = document.createElement("canvas");
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const frames = [];
  await new Promise((done) => {
    let first = null;
    const each = (now) => {
      const { videoWidth: width, videoHeight: height } = video;
      first ??= now;
      if (canvas.width !== width) Object.assign(canvas, { width, height });
      paint.drawImage(video, 0, 0);
      const { data } = paint.getImageData(0, 0, width, height);
      const luma = new Uint8Array(width * height);
      for (let n = 0; n < luma.length; n++) luma[n] = (77 * data[4 * n] + 150 * data[4 * n + 1] + 29 * data[4 * n + 2]) >> 8;
      frames.push({ luma, time: (now - first) / 1000, width, height });
      if (now - first < 1000 * seconds) video.requestVideoFrameCallback(each);
      else done();
    };
    video.requestVideoFrameCallback(each);
  });
  video.remove();
  const { width, height } = frames.at(-1);
  const same = frames.filter((one) => one.width === width && one.height === height);
  const about = new URLSearchParams({ name, width, height, times: same.map(({ time }) => time.toFixed(4)).join() });
  await fetch(`/taken?${about}`, { method: "POST", body: new Blob(same.map(({ luma }) => luma)) });
  return same.length;
}

const state = () => ({ told, paced, ends: Object.fromEntries([...dressed].map(([ref, { readyState }]) => [ref, readyState])) });

window.rig = { begin, dress, take, through, state, soon, track: (ref) => dressed.get(ref), camera: () => camera, marks: () => marks };
