/**
 * `rf-picture`: one other person's picture and sound. The sound has an element of its own, so that a covered picture can
 * still be heard, and a cut takes down both. `blank()` works at once and by itself: it waits for no drawing.
 *
 * The browser's own menu, with which a frame could be kept, does not open here; nor does a press ever meet the picture (call.css), so
 * that not even the menu that a page cannot refuse has a picture to keep.
 */
import { html, View } from "../html.js";

/** One track into the element that plays it. One that plays goes on: a picture that comes does not cut off the sound.
 * @param {HTMLMediaElement} element @param {MediaStreamTrack | null} track */
function put(element, track) {
  const playing = element.srcObject instanceof MediaStream ? element.srcObject.getTracks()[0] ?? null : null;
  if (playing !== track) element.srcObject = track && new MediaStream([track]);
  if (track && element.paused) element.play().catch(() => {});
}

export class RfPicture extends View {
  /** @type {import("../telephone.js").Tracks | null} */ #tracks = null;
  #silent = false;
  #whole = false;

  constructor() {
    super();
    this.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** @override */
  draw() {
    return html`<video ${this.#whole ? html`class="whole"` : null} autoplay playsinline muted disablepictureinpicture aria-hidden="true"></video><audio autoplay></audio>`;
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    const video = this.querySelector("video");
    if (!video) return;
    video.muted = true; // the attribute alone does not mute an element that a script made
    video.addEventListener("resize", () => this.#fit(video));
    this.#show();
  }

  /** A picture whose shape is far from the frame's is shown whole; a child's face is never cut off by us. @param {HTMLVideoElement} video */
  #fit(video) {
    const frame = this.clientWidth / Math.max(1, this.clientHeight);
    const shape = video.videoWidth / Math.max(1, video.videoHeight);
    this.#whole = Math.max(frame / shape, shape / frame) > 1.2;
    this.update(); // kept in what is drawn: the next drawing would take away what it does not know
  }

  /** @param {import("../telephone.js").Tracks | null} tracks @param {boolean} silent */
  show(tracks, silent) {
    if (tracks?.audio === this.#tracks?.audio && tracks?.video === this.#tracks?.video && silent === this.#silent) return;
    this.#tracks = tracks;
    this.#silent = silent;
    this.#show();
  }

  #show() {
    const video = this.querySelector("video");
    const audio = this.querySelector("audio");
    if (!video || !audio) return;
    if (!this.#tracks) return this.blank();
    const { video: picture, audio: sound } = this.#tracks; // each only once a frame of it has opened
    put(video, picture);
    put(audio, this.#silent ? null : sound);
  }

  /** Take it all down, now. */
  blank() {
    this.#tracks = null;
    for (const element of this.querySelectorAll("video, audio")) /** @type {HTMLMediaElement} */ (element).srcObject = null;
  }
}

customElements.define("rf-picture", RfPicture);
