/** The browser's own check of a record, in Node: one {"pages", "kept"} a line in, one JSON a line out. WebCrypto is the same there. */
import { createInterface } from "node:readline";
import { check, read, together } from "./shared/record.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { pages, kept } = JSON.parse(line);
  let lines = [];
  try {
    lines = together(pages.map(read));
  } catch {
    // what came was no record: the check says so
  }
  console.log(JSON.stringify(await check(lines, kept)));
}
