/**
 * The green bar on every page of a guardian while a child is on a call (design 3.21): with whom, how long, and End call, which asks once. The
 * server shuts the media first; the child is told who ended it.
 */
import { ApiFault, post } from "../../shared/api.js";
import { askFirst } from "../../shared/dialog.js";
import { html, View } from "../../shared/html.js";
import { keepFocus, onPress } from "../../shared/press.js";
import { say } from "../../shared/say.js";
import { listed, words } from "../../shared/words.js";
import { look, renew } from "../known.js";
import { goAway, withNow } from "../presence.js";
import { here, to } from "../route.js";

class Live extends View {
  #news = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #later;

  constructor() {
    super();
    onPress(this, { away: (control) => void this.#away(control.dataset.ref ?? ""), end: (control) => void this.#end(control.dataset.call ?? "") });
  }

  /** "I have to go": the calls that needed it end. @param {string} ref */
  async #away(ref) {
    try {
      await goAway(ref);
      this.#news = words("with.gone");
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      this.#news = words("with.gone-late");
    }
    say(this.#news);
    clearTimeout(this.#later);
    this.#later = setTimeout(() => { this.#news = ""; this.update(); }, 10_000);
    await renew("live", "contacts");
    this.update();
  }

  /** @param {string} id */
  async #end(id) {
    const call = look("live")?.find((one) => one.call === id);
    if (!call) return;
    if (!await askFirst({ title: words("live.q"), text: `${words("live.q-lead", { name: call.child.name })} ${words("live.note")}`, yes: words("live.yes"), no: words("live.no") })) return;
    try {
      await post(`/api/calls/${encodeURIComponent(id)}/end`);
      this.#news = words("live.ended");
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      this.#news = words(fault.code === "not_found" ? "live.over" : fault.code === "offline" ? "stuck.offline" : "stuck");
    }
    say(this.#news);
    clearTimeout(this.#later);
    this.#later = setTimeout(() => { this.#news = ""; this.update(); }, 10_000);
    await renew("live", "history");
    this.update();
  }

  /** @override */
  update() {
    keepFocus(this, () => super.update(), () => this.querySelector("button") ?? this.closest("main")?.querySelector("h1"));
  }

  /** @override */
  draw() {
    if (look("me")?.kind !== "guardian") return html``;
    const calls = look("live") ?? [];
    const asking = here().page === "decide" || here().page === "" ? [] : (look("toAllow") ?? []);
    const led = new Set((look("family")?.children ?? []).filter((child) => child.reach === "teen_led").map((child) => child.id));
    return html`${asking.map((one) => html`<p class="live waits" data-key="ask-${one.id}"><span class="grow"><b>${words("allow.title", { child: one.child.name, name: one.with.name })}</b></span><a class="button quiet" href="${to("decide")}">${words("allow.look")}</a></p>`)}
    ${withNow().map((one) => html`<section class="live" data-key="with-${one.ref}" aria-label="${words("with.title")}"><i class="pulse" aria-hidden="true"></i><p><b>${words("with.bar", { child: one.child, name: one.name })}</b> ${words("with.ends")}</p><button class="button quiet" type="button" data-do="away" data-ref="${one.ref}">${words("with.go")}<span class="hidden-words">: ${one.name}</span></button></section>`)}
    ${calls.map((call) => {
      const fill = { name: call.child.name, with: listed(call.with.map(({ name }) => name)), n: call.minutes };
      return html`<section class="live" data-key="${call.call}" aria-label="${words("live.title")}"><i class="pulse" aria-hidden="true"></i><p><b>${words((look("family")?.children.length ?? 0) > 1 ? "live.named" : "live.one", fill)}</b> ${words(call.minutes < 1 ? "live.just" : "live.so-far", fill)}</p>${led.has(call.child.id) ? null : html`<button class="button quiet" type="button" data-do="end" data-call="${call.call}">${words("live.end")}<span class="hidden-words">: ${fill.name}, ${fill.with}</span></button>`}</section>`;
    })}${this.#news ? html`<p class="saved plate-line" data-key="ended">${this.#news}</p>` : null}`;
  }
}

customElements.define("rf-live", Live);
