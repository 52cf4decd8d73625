/**
 * The door of one made-up person, in an origin of their own: it signs this tab in as them and goes on. The server opens it in demo mode
 * only, and only for the person whose host name this is.
 */
import { ApiFault, post } from "../shared/api.js";
import { html, View } from "../shared/html.js";
import { brand } from "../shared/parts.js";
import { addWords, loadWords, useBand, words } from "../shared/words.js";

class Enter extends View {
  stuck = false;

  async open() {
    try {
      const { go } = await post("/api/demo/enter", { slug: new URLSearchParams(location.search).get("as") ?? "" });
      location.replace(go === "/child/" ? "/child/" : "/grown-up/");
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      this.stuck = true;
      this.update();
    }
  }

  /** @override */
  draw() {
    const start = `${location.protocol}//${location.host.replace(/^[^.]+\.(?=localhost)/, "")}/`;
    return html`<header class="head">${brand(start)}</header><main class="alone">${this.stuck
      ? html`<h1 tabindex="-1">${words("enter.stuck")}</h1><p><a class="button" href="${start}">${words("enter.back")}</a></p>`
      : html`<h1 tabindex="-1">${words("enter.title")}</h1><div class="waiting"><span class="three-posts" aria-hidden="true"><i></i><i></i><i></i></span></div>`}</main>`;
  }
}

await loadWords();
await addWords(new URL("/grown-up/", location.href));
useBand("adult");
customElements.define("rf-enter", Enter);
const door = document.querySelector("rf-enter");
if (door instanceof Enter) void door.open();
