/** `rf-curtain`: two arches that meet in front of a picture. With the attribute `open` they stand aside. Only a drawing: the words are beside it. */
import { html, View } from "../html.js";

export class RfCurtain extends View {
  /** @override */
  draw() {
    return html`<i></i><i></i>`;
  }
}

customElements.define("rf-curtain", RfCurtain);
