/**
 * The only place where text becomes HTML.
 *
 * `html` is a template tag. Everything put into it is escaped, except what `html` itself made. `paint` puts such a
 * template into the page, and it changes only what differs, so that the focus, a half-typed word and a running picture
 * stay where they are. There is no other way to HTML in this code: the page's policy (`require-trusted-types-for 'script'`)
 * makes the browser refuse one, and the one policy it allows is made here and kept here.
 */

/** Known to this file only: the proof that markup came from `html`. */
const only = Symbol("html");

/** Markup that `html` made. Its text cannot be set from outside, so holding one proves that it was escaped. */
export class Markup {
  /** @type {string} */ #text;
  /** @param {symbol} key @param {string} text */
  constructor(key, text) {
    if (key !== only) throw new TypeError("Markup is made by html`…` and by nothing else");
    this.#text = text;
  }
  toString() {
    return this.#text;
  }
}

/** @typedef {{createHTML(text: string): string}} Policy */
/** @typedef {{trustedTypes?: {createPolicy(name: string, rules: Policy): Policy}}} MaybeTrusted */
const policy = /** @type {MaybeTrusted} */ (globalThis).trustedTypes?.createPolicy("ringfence", { createHTML: (text) => text })
  ?? { createHTML: /** @param {string} text */ (text) => text };

/** @type {Record<string, string>} */
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** @param {unknown} value @returns {string} */
function shown(value) {
  if (value instanceof Markup) return value.toString();
  if (Array.isArray(value)) return value.map(shown).join("");
  if (value === null || value === undefined || value === false || value === true) return "";
  return String(value).replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? "");
}

/**
 * A template. Attribute values must stand in double quotes; nothing may be put into a tag's or an attribute's name.
 * `null`, `undefined` and booleans show nothing, a list shows its parts.
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 * @returns {Markup}
 */
export function html(strings, ...values) {
  let text = strings[0] ?? "";
  values.forEach((value, n) => (text += shown(value) + (strings[n + 1] ?? "")));
  return new Markup(only, text);
}

/**
 * Make an element's content what the template says, changing only what differs.
 * Elements are matched by `data-key` where there is one, else by place and tag. The inside of a view is its own.
 * @param {Element | DocumentFragment} target
 * @param {Markup} markup
 */
export function paint(target, markup) {
  const template = document.createElement("template");
  template.innerHTML = /** @type {string} */ (policy.createHTML(markup.toString()));
  matchChildren(target, template.content);
}

/** @param {Node} node */
const keyOf = (node) => (node instanceof Element ? node.getAttribute("data-key") : null);

/** @param {Node} a @param {Node} b */
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

/** @param {Node} target @param {Node} source */
function matchChildren(target, source) {
  let here = target.firstChild;
  for (const wanted of [...source.childNodes]) {
    const key = keyOf(wanted);
    const match = key === null
      ? (here && alike(here, wanted) ? here : null)
      : [...target.childNodes].find((node) => alike(node, wanted));
    if (!match) {
      target.insertBefore(document.importNode(wanted, true), here);
    } else {
      if (match === here) here = here.nextSibling;
      else target.insertBefore(match, here);
      if (match instanceof Element) matchElement(match, /** @type {Element} */ (wanted));
      else if (match.nodeValue !== wanted.nodeValue) match.nodeValue = wanted.nodeValue;
    }
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = /** @type {ChildNode | null} */ (next);
  }
}

/** @param {Element} element @param {Element} wanted */
function matchElement(element, wanted) {
  for (const { name } of [...element.attributes]) {
    // a dialog's `open` belongs to the person who opened it
    if (!wanted.hasAttribute(name) && !(name === "open" && element.nodeName === "DIALOG")) element.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
  if (element instanceof View) element.update();
  else matchChildren(element, wanted);
}

/** A custom element with one `update()`: data down by property or attribute, events up. What it shows is what `draw()` returns. */
export class View extends HTMLElement {
  connectedCallback() {
    this.update();
  }

  /** Draw again. Cheap when nothing changed. */
  update() {
    if (this.isConnected) paint(this, this.draw());
  }

  /** @returns {Markup} */
  draw() {
    return html``;
  }
}
