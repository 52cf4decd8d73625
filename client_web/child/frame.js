/** The frame of a child's page: heading with read-aloud, and the dock. Help is first, at the bottom left, on every page. */
import { html } from "../shared/html.js";
import { icon, peg } from "../shared/parts.js";
import { words } from "../shared/words.js";
import "../shared/rf-read.js";
/** @typedef {import("../shared/parts.js").Card} Card */

/** @param {string} heading @param {Card | null} [me] */
export const top = (heading, me = null) => html`<header class="top">${me ? peg(me, "me") : null}<h1 tabindex="-1">${heading}</h1><rf-read></rf-read></header>`;

/** @param {"home" | "sees" | "me" | ""} here where this page is; home is shown only on the others */
export const dock = (here) => html`<nav class="dock" aria-label="${words("dock.label")}"
  ><button type="button" class="dock-button help" data-do="help" data-key="help">${icon("help")}<span>${words("dock.help")}</span></button>${
  here === "home" ? null : html`<a class="dock-button" href="#/" data-key="home">${icon("home")}<span>${words("dock.home")}</span></a>`}<a
  class="dock-button" href="#/sees" data-key="sees" ${here === "sees" ? html`aria-current="page"` : null}>${icon("eye")}<span>${words("dock.sees")}</span></a><a
  class="dock-button" href="#/me" data-key="me" ${here === "me" ? html`aria-current="page"` : null}>${icon("people")}<span>${words("dock.me")}</span></a></nav>`;

/** The dock of a device that belongs to nobody yet. */
export const helpOnly = () => html`<nav class="dock" aria-label="${words("dock.label")}"
  ><button type="button" class="dock-button help" data-do="help" data-key="help">${icon("help")}<span>${words("dock.help")}</span></button></nav>`;

/** A way back that does not depend on the browser's own. @param {string} href */
export const back = (href) => html`<a class="link" href="${href}">${icon("back")}${words("me.back")}</a>`;

/** Three still posts and words: no spinner. @param {string} text */
export const waiting = (text) => html`<div class="loading-posts" aria-hidden="true"><span class="post dashed"></span><span class="post dashed"></span><span
  class="post dashed"></span></div><p class="lead" role="status">${text}</p>`;
