/** A promise as somebody reads it who has nobody in front of them: the ledger keeps the words of the pages, which name the other person. */

/** @param {string} text @param {string} somebody words for any person, such as "the other person" */
export function withoutName(text, somebody) {
  const first = somebody.charAt(0).toUpperCase() + somebody.slice(1);
  return text.replace(/(^|[.?!] )\{name\}/g, `$1${first}`).replaceAll("{name}", somebody);
}
