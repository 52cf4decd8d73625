/** `rf-me`: my picture, sounds, look, keys. Kept on this device, except the picture. `rf-my-picture`: pick one of forty. */
import { post } from "../../shared/api.js";
import { AVATARS } from "../../shared/avatars.js";
import { html, View } from "../../shared/html.js";
import { gateSwitch, peg, picturePicker } from "../../shared/parts.js";
import { onPress } from "../../shared/press.js";
import { setSounds, soundsOn } from "../../shared/sounds.js";
import { currentBand, words } from "../../shared/words.js";
import { keysOn, setKeys } from "../../shared/call_screens/rf-in-call.js";
import { back, dock, top } from "../frame.js";
import { known, refresh } from "../known.js";
import { plainLook, setPlainLook } from "../plain.js";

/** Has this device a voice of its own? */
const hasVoice = () => (globalThis.speechSynthesis?.getVoices() ?? []).some((voice) => voice.localService === true);

export class RfMe extends View {
  constructor() {
    super();
    onPress(this, {
      sounds: (control) => setSounds(/** @type {HTMLInputElement} */ (control).checked),
      keys: (control) => setKeys(/** @type {HTMLInputElement} */ (control).checked),
      plain: (control) => setPlainLook(/** @type {HTMLInputElement} */ (control).checked),
    });
  }

  /** @override */
  draw() {
    const me = known.home?.me ?? null;
    const state = { on: words("me.on"), off: words("me.off") };
    return html`${top(words("me.title"))}<main id="main" class="column rows">
      ${me ? html`<div class="me-row"><span class="who">${peg(me, "me")}<b class="name">${me.name}</b></span><a class="button" href="#/picture">${words("me.change")}</a></div>` : null}
      <div class="me-row">${gateSwitch({ id: "sounds", label: words("me.sounds"), on: soundsOn(), words: state, deed: "sounds" })}</div>
      <div class="me-row">${gateSwitch({ id: "plain", label: words("me.plain"), on: plainLook(currentBand()), words: state, deed: "plain" })}<span class="second">${words("me.plain-lead")}</span></div>
      <div class="me-row">${gateSwitch({ id: "keys", label: words("me.keys-switch"), on: keysOn(), words: state, deed: "keys" })}<span class="second">${words("me.keys")}</span></div>
      <div class="me-row"><span>${words("me.times")}</span><a class="button" href="#/times">${words("me.look")}<span class="hidden-words">: ${words("me.times")}</span></a></div>
      <div class="me-row"><span>${words("me.blocked")}</span><a class="button" href="#/blocked">${words("me.look")}<span class="hidden-words">: ${words("me.blocked")}</span></a></div>
      <div class="me-row"><span>${words("recorded.link")}</span><a class="button" href="#/recorded">${words("me.tell")}<span class="hidden-words">: ${words("recorded.link")}</span></a></div>
      <p class="me-row">${words(hasVoice() ? "me.read-yes" : "me.read-no")}</p>
      <div class="answers"><a class="button" href="#/code"><span>${words("me.code")}</span></a><a class="button" href="#/enter"><span>${words("me.enter")}</span></a></div>
    </main>${dock("me")}`;
  }
}

export class RfMyPicture extends View {
  #number = -1;
  #ground = 0;
  /** @type {"" | "saved" | "stuck"} */ #state = "";

  constructor() {
    super();
    onPress(this, { save: () => void this.#save() });
    this.addEventListener("change", (event) => {
      if (!(event.target instanceof HTMLInputElement)) return;
      if (event.target.name === "picture") this.#number = Number(event.target.value);
      else this.#ground = Number(event.target.value);
      this.#state = "";
      this.update();
    });
  }

  get #chosen() {
    const me = known.home?.me;
    const number = this.#number >= 0 ? this.#number : (me?.avatar ?? 0);
    const grounds = AVATARS[number]?.grounds ?? [1];
    const wanted = this.#ground || (me?.ground ?? 1);
    return { number, grounds, ground: grounds.includes(wanted) ? wanted : (grounds[0] ?? 1) };
  }

  async #save() {
    const { number, ground } = this.#chosen;
    try {
      await post("/api/child/look", { avatar: number, ground });
      this.#state = "saved";
      await refresh();
    } catch {
      this.#state = "stuck";
    }
    this.update();
  }

  /** @override */
  draw() {
    const { number, grounds, ground } = this.#chosen;
    return html`${top(words("me.pick"), { name: "", avatar: number, ground })}<main id="main" class="column rows">
      <fieldset class="set"><legend class="hidden-words">${words("me.pick")}</legend>${picturePicker({
        name: "picture", chosen: number,
        pictures: AVATARS.map((each) => ({ number: each.number, ground: each.grounds.includes(ground) ? ground : (each.grounds[0] ?? 1), words: words(`picture.${each.name}`) })),
      })}</fieldset>
      <fieldset class="set"><legend>${words("pic.ground")}</legend><div class="picker">${grounds.map((each) => html`
        <label data-key="ground-${each}"><input type="radio" name="ground" value="${each}" ${each === ground ? html`checked` : null}>${peg({ name: "", avatar: number, ground: each }, "mid")}<span>${words(`ground.${each}`)}</span></label>`)}</div></fieldset>
      <button type="button" class="button go tall" data-do="save">${words("me.save")}</button>
      <p role="status">${this.#state ? words(this.#state === "saved" ? "me.saved" : "home.stuck") : ""}</p>
      ${back("#/me")}</main>${dock("")}`;
  }
}

customElements.define("rf-me", RfMe);
customElements.define("rf-my-picture", RfMyPicture);
