/**
 * Sounds: wooden, short, made on the spot, no files (design 2.9). Every sound has a twin that can be seen.
 * Nothing sounds before the first tap of the session, nothing sounds when sounds are off, and Help is silence.
 */

/** @typedef {"ring-in"|"ring-out"|"came-in"|"went-out"|"camera-on"|"camera-off"|"soon"} SoundName */
/** @typedef {{hz: number, at: number, long: number, peak: number}} Knock */

/** @type {Record<SoundName, {knocks: Knock[], every: number}>} `every`: seconds until it sounds again, 0 for once */
const SOUNDS = {
  "ring-in": { every: 3, knocks: [[587, 0], [440, 0.2], [587, 0.4], [740, 0.6]].map(([hz = 0, at = 0]) => ({ hz, at, long: 0.28, peak: 0.2 })) },
  "ring-out": { every: 3, knocks: [[440, 0], [440, 0.25]].map(([hz = 0, at = 0]) => ({ hz, at, long: 0.18, peak: 0.06 })) },
  "came-in": { every: 0, knocks: [{ hz: 440, at: 0, long: 0.22, peak: 0.12 }, { hz: 587, at: 0.12, long: 0.22, peak: 0.12 }] },
  "went-out": { every: 0, knocks: [{ hz: 587, at: 0, long: 0.22, peak: 0.1 }, { hz: 440, at: 0.12, long: 0.22, peak: 0.1 }] },
  "soon": { every: 0, knocks: [{ hz: 294, at: 0, long: 0.5, peak: 0.08 }] },
  "camera-on": { every: 0, knocks: [{ hz: 880, at: 0, long: 0.06, peak: 0.05 }] },
  "camera-off": { every: 0, knocks: [{ hz: 660, at: 0, long: 0.06, peak: 0.05 }] },
};

/** A ring starts softly and grows, so that nobody is startled: .06, .10, .15, then .20 for good. */
const GROWING = [0.06, 0.1, 0.15, 0.2];
const KEY = "ringfence.sounds";

/** @type {AudioContext | null} */
let context = null;
/** @type {GainNode | null} */
let out = null;
/** @type {number | undefined} */
let repeating;

addEventListener("pointerdown", wake, { once: true, capture: true });
addEventListener("keydown", wake, { once: true, capture: true });

function wake() {
  if (context) return;
  context = new AudioContext();
  out = new GainNode(context, { gain: 0.5 });
  out.connect(context.destination);
}

/** Are sounds on? Kept on this device only. */
export const soundsOn = () => localStorage.getItem(KEY) !== "off";

/** @param {boolean} on */
export function setSounds(on) {
  localStorage.setItem(KEY, on ? "on" : "off");
  if (!on) silence();
}

/** @param {Knock} knock @param {number} start */
function strike({ hz, at, long, peak }, start) {
  if (!context || !out) return;
  const tone = new OscillatorNode(context, { type: "triangle", frequency: hz });
  const wood = new BiquadFilterNode(context, { type: "lowpass", frequency: 2200 });
  const level = new GainNode(context, { gain: 0 });
  const begin = start + at;
  level.gain.setValueAtTime(0.0001, begin);
  level.gain.exponentialRampToValueAtTime(peak, begin + 0.008);
  level.gain.exponentialRampToValueAtTime(0.0001, begin + long);
  tone.connect(wood).connect(level).connect(out);
  tone.start(begin);
  tone.stop(begin + long + 0.02);
}

/** Play; a ring goes on until `silence()`. @param {SoundName} name */
export function play(name) {
  silence();
  if (!context || !soundsOn()) return;
  const sound = SOUNDS[name];
  let turn = 0;
  const once = () => {
    if (!context) return;
    const peak = name === "ring-in" ? GROWING[Math.min(turn, 3)] : undefined;
    for (const knock of sound.knocks) strike(peak === undefined ? knock : { ...knock, peak }, context.currentTime + 0.02);
    turn += 1;
  };
  once();
  if (sound.every) repeating = setInterval(once, sound.every * 1000);
}

/** Stop everything that sounds, now. Help calls this first. */
export function silence() {
  clearInterval(repeating);
  repeating = undefined;
  if (!context || !out) return;
  out.disconnect();                              // cuts even a note that is in the air
  out = new GainNode(context, { gain: 0.5 });
  out.connect(context.destination);
}
