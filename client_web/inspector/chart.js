/**
 * Our own small pictures of numbers: bars, and a strip of single measurements. Every place on them is a percentage of the width, so they
 * grow and shrink with the page while their letters stay as large as everybody else's, and need no inline style. A picture is never alone:
 * its numbers are written beside it, and they stand in a table, which is what a screen reader is given.
 */
import { html } from "../shared/html.js";
import { words } from "../shared/words.js";

/** @typedef {import("../shared/html.js").Markup} Markup */
/** @typedef {{label: string, value: number | null, words: string}} Bar  `value` null: too few to be told */

/** @param {number} part @param {number} whole */
const percent = (part, whole) => `${(whole > 0 ? Math.min(100, (100 * part) / whole) : 0).toFixed(2)}%`;

/**
 * Bars, each with its own words at its end: the rows of a table, so that picture and table are one thing and cannot disagree.
 * @param {{title: string, what: string, count: string, bars: Bar[], most?: number}} chart `what` and `count`: heads of the two columns with
 * words. `most`: what a whole bar stands for, and then each is drawn within a whole one
 */
export function barChart({ title, what, count, bars, most }) {
  const whole = most ?? Math.max(1, ...bars.map((bar) => bar.value ?? 0));
  return html`<table class="small bars"><caption>${title}</caption>
    <thead><tr><th scope="col">${what}</th><td></td><th scope="col" class="n">${count}</th></tr></thead>
    <tbody>${bars.map((bar) => html`<tr><th scope="row">${bar.label}</th><td class="drawn"><svg width="100%" height="18" aria-hidden="true" class="${bar.value === null ? "few" : ""}"
      >${most === undefined ? null : html`<rect class="whole" x="1" y="1" width="99.5%" height="16" rx="5"></rect>`}<rect width="${bar.value === null ? "22" : percent(bar.value, whole)}" height="18" rx="5"></rect></svg></td><td class="n">${bar.words}</td></tr>`)}</tbody></table>`;
}

/** A plain small table. The first cell of a row is its head. @param {{caption: string, head: string[], rows: (string | Markup)[][]}} t */
export const table = ({ caption, head, rows }) => html`<div class="scrolls" tabindex="0" role="group" aria-label="${caption}"><table class="small"><caption class="hidden-words">${caption}</caption>
  <thead><tr>${head.map((one, n) => html`<th scope="col" class="${n > 0 ? "n" : ""}">${one}</th>`)}</tr></thead>
  <tbody>${rows.map((row) => html`<tr>${row.map((cell, n) => (n === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="n">${cell}</td>`))}</tr>`)}</tbody></table></div>`;

/** The value below which so many of a hundred lie. @param {number[]} sorted @param {number} share 0 to 1 */
export const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? NaN;

/** A number as people write it. @param {number} value */
export const figure = (value) => new Intl.NumberFormat("en-GB", { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);

/** Round steps for an axis up to `most`: 1, 2 or 5 times a power of ten. @param {number} most */
function steps(most) {
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, n) => n * step);
}

const DOT = 5;
const COLUMN = 3.2; // percent of the width: two dots side by side at 320 px

/**
 * Every single measurement as a dot over its value, and the aim as a line. Dots that would cover each other stand on top of each other.
 * @param {{name: string, unit: string, values: readonly number[], aim: number | null}} measured
 */
export function strip({ name, unit, values, aim }) {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return html``;
  const most = Math.max(aim ?? 0, sorted[sorted.length - 1] ?? 0) * 1.12 || 1;
  /** @type {Map<number, number>} */
  const heights = new Map();
  const dots = sorted.map((value) => {
    const column = Math.floor((100 * value) / most / COLUMN);
    const level = heights.get(column) ?? 0;
    heights.set(column, level + 1);
    return { x: percent(value, most), level, over: aim !== null && value > aim };
  });
  const tallest = Math.max(...heights.values());
  const rise = tallest > 12 ? 130 / tallest : 2 * DOT + 1; // very many dots lie closer
  const ground = 30 + Math.ceil((tallest - 1) * rise) + 2 * DOT;
  const median = quantile(sorted, 0.5);
  const told = (/** @type {number} */ value) => words("strip.value", { n: figure(value), unit });
  const over = aim === null ? 0 : sorted.filter((value) => value > aim).length;
  const aimAt = aim === null ? 0 : (100 * aim) / most;
  return html`<figure class="chart strip panel"><figcaption>${name}</figcaption>
    <svg width="100%" height="${ground + 30}" aria-hidden="true">
      <line class="axis" x1="0" x2="100%" y1="${ground}" y2="${ground}"></line>
      ${steps(most).map((at) => html`<text x="${percent(at, most)}" y="${ground + 20}" text-anchor="${at === 0 ? "start" : "middle"}">${figure(at)}${at === 0 ? ` ${unit}` : ""}</text>`)}
      ${aim === null ? null : html`<line class="aim" x1="${percent(aim, most)}" x2="${percent(aim, most)}" y1="20" y2="${ground}"></line><text class="label" x="${percent(aim, most)}" y="14" text-anchor="${aimAt > 60 ? "end" : "start"}">${words("strip.aim", { n: figure(aim), unit })}</text>`}
      ${dots.map((dot) => html`<circle class="${dot.over ? "over" : ""}" cx="${dot.x}" cy="${(ground - DOT - 1 - dot.level * rise).toFixed(1)}" r="${DOT}"></circle>`)}
    </svg>
    ${over > 0 ? html`<p>${words("strip.over", { n: over, all: sorted.length })}</p>` : null}
    ${table({ caption: name, head: [words("strip.what"), words("strip.time")], rows: [
      [words("strip.count"), String(sorted.length)], [words("strip.fastest"), told(sorted[0] ?? 0)], [words("strip.median"), told(median)],
      [words("strip.p99"), told(quantile(sorted, 0.99))], [words("strip.slowest"), told(sorted[sorted.length - 1] ?? 0)],
      ...(aim === null ? [] : [[words("strip.aim-row"), told(aim)]]),
    ] })}</figure>`;
}
