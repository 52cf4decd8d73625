/**
 * What a script in a page can do with a stream that it received, tried out. Served twice by tests/capture_matrix.py: under the headers
 * of our own pages and with the attributes of our own elements, and without any. It begins when the button is pressed, because some
 * things are only given to a press; what came out is left in `window.found`, one entry for each probe: "yes", "no", or why not.
 */
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const ours = document.documentElement.dataset.page === "ours";

/** A moving picture and the browser's own false microphone, sent through a connection to itself: what comes out is a received stream like any other. */
async function received() {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 240;
  const pen = canvas.getContext("2d");
  let turn = 0;
  const paint = () => {
    pen.fillStyle = "rgb(220, 40, 60)";
    pen.fillRect(0, 0, 320, 240);
    pen.fillStyle = "rgb(240, 240, 240)";
    pen.fillRect((turn += 7) % 320, 0, 20, 20);
  };
  setInterval(paint, 50);
  paint();
  const voice = await navigator.mediaDevices.getUserMedia({ audio: true });
  const sent = new MediaStream([...canvas.captureStream(20).getTracks(), ...voice.getTracks()]);
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => a.addIceCandidate(candidate);
  const stream = new MediaStream();
  b.ontrack = ({ track }) => stream.addTrack(track);
  for (const track of sent.getTracks()) a.addTrack(track, sent);
  await a.setLocalDescription(await a.createOffer());
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(await b.createAnswer());
  await a.setRemoteDescription(b.localDescription);
  const video = document.querySelector("video");
  video.srcObject = new MediaStream(stream.getVideoTracks());
  await video.play();
  const audio = document.querySelector("audio"); // a received sound that nobody plays is silence in Chromium
  audio.srcObject = new MediaStream(stream.getAudioTracks());
  await audio.play();
  for (let n = 0; n < 100 && (video.videoWidth === 0 || video.currentTime < 0.3); n++) await wait(50);
  return { stream, video };
}

/** Red is red: a picture was read. @param {Uint8ClampedArray | Uint8Array} pixels */
const isRed = (pixels) => pixels[0] > 150 && pixels[1] < 110 && pixels[2] < 120;

/** @param {MediaStream} stream */
async function recorded(stream) {
  const recorder = new MediaRecorder(stream);
  let bytes = 0;
  recorder.ondataavailable = ({ data }) => (bytes += data.size);
  recorder.start(100);
  for (let n = 0; n < 240 && bytes < 2000; n++) await wait(50);
  if (recorder.state !== "inactive") recorder.stop();
  return bytes >= 2000;
}

/** @param {HTMLVideoElement} video */
function drawn(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0);
  return { canvas, pen };
}

/** Each gives true, false, or the reason; what is thrown is a reason too. */
const PROBES = {
  recorder: ({ stream }) => recorded(stream),
  "recorder of the sound": ({ stream }) => recorded(new MediaStream(stream.getAudioTracks())),
  "picture drawn and read": ({ video }) => {
    const { canvas, pen } = drawn(video);
    return isRed(pen.getImageData(200, 200, 1, 1).data) && canvas.toDataURL("image/png").length > 200;
  },
  "drawn and streamed on": ({ video }) => recorded(streamed(video)),
  "element's own stream": async ({ video }) => {
    const capture = video.captureStream ?? video.mozCaptureStream;
    if (!capture) return "not there";
    return recorded(capture.call(video));
  },
  "track processor": async ({ stream }) => {
    if (!globalThis.MediaStreamTrackProcessor) {
      const address = { createScriptURL: (/** @type {string} */ url) => url };
      const policy = globalThis.trustedTypes?.createPolicy("ringfence-seal", address) ?? address;
      const worker = new Worker(policy.createScriptURL("/worker.js")); // some have it only there
      return await new Promise((done, fail) => {
        worker.onmessage = ({ data }) => done(data ? "in a worker" : "not there");
        worker.onerror = () => fail(new Error("no worker"));
      });
    }
    const { value } = await new MediaStreamTrackProcessor({ track: stream.getVideoTracks()[0].clone() }).readable.getReader().read();
    value.close();
    return true;
  },
  "grabbed frame": async ({ stream }) => {
    if (!globalThis.ImageCapture) return "not there";
    const capture = new ImageCapture(stream.getVideoTracks()[0]);
    return (await (capture.grabFrame?.() ?? capture.takePhoto())) !== null;
  },
  "bitmap or frame object": async ({ video }) => {
    const bitmap = await createImageBitmap(video);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const pen = canvas.getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    return isRed(pen.getImageData(200, 200, 1, 1).data);
  },
  "isolated stream": async () => {
    if (!("isolated" in MediaStreamTrack.prototype) && !("peerIdentity" in RTCPeerConnection.prototype)) return "not there";
    const stream = await navigator.mediaDevices.getUserMedia({ video: true, peerIdentity: "maya@example.org" });
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = stream;
    await video.play();
    await wait(300);
    try {
      drawn(video).pen.getImageData(0, 0, 1, 1);
      return false;
    } catch (fault) {
      return fault.name === "SecurityError";
    } finally {
      for (const track of stream.getTracks()) track.stop();
    }
  },
  "sealing": async () => {
    if (!globalThis.RTCRtpScriptTransform) return "not there";
    for (const name of ["X25519", "Ed25519"]) await crypto.subtle.generateKey({ name }, false, name === "X25519" ? ["deriveBits"] : ["sign"]);
    return "transform" in RTCRtpSender.prototype && "transform" in RTCRtpReceiver.prototype;
  },
  "word of a capture": () => {
    const named = [window, document, navigator.mediaDevices, screen, document.querySelector("video")]
      .flatMap((one) => { const all = []; for (const name in one) all.push(name); return all; })
      .filter((name) => /^on.*(screenshot|screen_?captur|recording|captured)/i.test(name));
    return named.length ? named.join(" ") : false;
  },
  "word to forbid it": () => {
    const named = [window, document, navigator, screen, document.documentElement, document.querySelector("video")]
      .flatMap((one) => { const all = []; for (const name in one) all.push(name); return all; })
      .filter((name) => /screenshot|preventcapture|secure(flag|surface|window)|contentprotect/i.test(name));
    return named.length ? named.join(" ") : false;
  },
};

/** What is given to a press only, so these come first and each has a press of its own. */
const PRESSED = {
  "share the screen": async () => {
    const asked = navigator.mediaDevices.getDisplayMedia({ video: true, preferCurrentTab: true });
    const stream = await Promise.race([asked, wait(4000).then(() => null)]);
    if (!stream) return "asks the person";
    const settings = stream.getVideoTracks()[0].getSettings();
    for (const track of stream.getTracks()) track.stop();
    return settings.width > 0 || "no picture";
  },
  "picture in picture": async ({ video }) => {
    if (!video.requestPictureInPicture) return "not there";
    await video.requestPictureInPicture();
    await document.exitPictureInPicture();
    return true;
  },
};

/** @param {HTMLVideoElement} video */
function streamed(video) {
  const { canvas, pen } = drawn(video);
  const stream = canvas.captureStream(20);
  const again = setInterval(() => pen.drawImage(video, 0, 0), 40);
  setTimeout(() => clearInterval(again), 15_000);
  return stream;
}

/** @param {(given: any) => any} probe @param {any} given */
async function tried(probe, given) {
  try {
    const came = await Promise.race([probe(given), wait(20_000).then(() => "no answer")]);
    return came === true ? "yes" : came === false ? "no" : String(came);
  } catch (fault) {
    return `${fault.name}: ${fault.message}`;
  }
}

window.found = {};
window.ready = false;
document.querySelector("video").disablePictureInPicture = ours; // as our own elements have it
const given = await received();
for (const [name, probe] of Object.entries(PRESSED)) {
  const button = document.createElement("button");
  button.id = name.replaceAll(" ", "-");
  button.textContent = name;
  button.onclick = async () => { window.found[name] = await tried(probe, given); };
  document.body.append(button);
}
window.others = async () => {
  await Promise.all(Object.entries(PROBES).map(async ([name, probe]) => { window.found[name] = await tried(probe, given); }));
  return window.found;
};
/** Every event that a page could hear of, while somebody takes a picture of the screen. */
window.listen = () => {
  window.heard = [];
  for (const [name, target] of Object.entries({ window, document, screen, devices: navigator.mediaDevices, video: given.video })) {
    for (const key in target) if (key.startsWith("on")) target.addEventListener(key.slice(2), ({ type }) => window.heard.push(`${name} ${type}`));
  }
};
window.ready = true;
