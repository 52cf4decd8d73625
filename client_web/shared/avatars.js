/**
 * The forty pegs by number: a name for the words (`picture.<name>`), and which of the eight grounds suit its body.
 * The drawings are in look/sprite.svg; the same numbers travel on the wire. A ground is offered only where body and ground
 * are far enough apart for every kind of colour sight, in light and in dark (design 2.5).
 */

const NAMES = [
  "bear", "rabbit", "fox", "whale", "panda", "frog", "deer", "robin", "koala", "lion",
  "hedgehog", "turtle", "penguin", "bee", "elephant", "mouse", "cat", "sheep", "badger", "ladybird",
  "giraffe", "octopus", "fish", "goat", "dragon", "duck", "otter", "seal", "tiger", "snail",
  "apple", "pear", "moon", "cloud", "red-panda", "zebra", "hen", "bear-in-scarf", "hare-in-scarf", "blue-bird",
];

/** Body colour of each peg, in the same order: night 0, rust 1, leaf 2, cream 3, honey 4, bark 5, slate 6, lake 7, rose 8. */
const BODIES = [
  5, 3, 1, 7, 3, 2, 5, 5, 6, 4,
  6, 2, 0, 4, 6, 6, 4, 5, 0, 1,
  4, 8, 1, 3, 2, 4, 5, 6, 1, 3,
  1, 2, 4, 3, 1, 3, 3, 5, 3, 7,
];

/** Grounds that suit a body in both themes. */
const GROUNDS = [
  [1, 2, 3, 4, 5, 6, 7, 8],
  [1, 2, 3, 4, 5, 6, 7, 8],
  [1, 2, 4, 5, 6, 7, 8],
  [1, 2, 3, 4, 5, 7, 8],
  [2, 3, 5, 6, 7, 8],
  [2, 5, 7],
  [1, 2, 3, 4, 5, 6, 8],
  [1, 3, 4, 5, 6, 7, 8],
  [1, 2, 3, 5, 6],
];

/** @type {readonly {number: number, name: string, grounds: readonly number[]}[]} */
export const AVATARS = NAMES.map((name, number) => ({ number, name, grounds: GROUNDS[BODIES[number] ?? 0] ?? [] }));
