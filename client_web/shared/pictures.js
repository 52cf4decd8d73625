/**
 * The sixty-four pictures that two people compare, in the order in which a number means one of them. The order is part of the code:
 * never move one, never put another in its place. Drawings: look/pictures.svg; words: `picture.…`.
 */
import { html } from "./html.js";

/** By number. */
export const PICTURES = /** @type {const} */ ([
  "anchor", "apple", "balloon", "banana", "bell", "bicycle", "butterfly", "button", "cactus", "candle", "carrot", "caterpillar", "cherry",
  "crown", "cup", "diamond", "domino", "door", "drum", "egg", "elephant", "feather", "fish", "flag", "flower", "ghost", "glasses", "grapes",
  "guitar", "hammer", "hedgehog", "helicopter", "ice-cream", "igloo", "jigsaw", "key", "kite", "ladder", "lemon", "lightning", "magnet",
  "mushroom", "octopus", "penguin", "piano", "pizza", "rainbow", "rocket", "sandwich", "scissors", "snail", "snowman", "sofa",
  "spider", "submarine", "teapot", "tent", "tractor", "trumpet", "turtle", "umbrella", "volcano", "wheelbarrow", "windmill",
]);

const SPRITE = new URL("look/pictures.svg", import.meta.url).pathname;

/** The drawing alone; its word must stand beside it. @param {number} number 0 to 63 */
export const picture = (number) => html`<svg class="picture" viewBox="0 0 64 64" aria-hidden="true" focusable="false"><use href="${SPRITE}#pic-${PICTURES[number] ?? ""}"></use></svg>`;
