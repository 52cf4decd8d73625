// The yardstick of the bench: a track processor that copies every frame out and in again, as any must that changes pixels, and changes none.
import { Pace } from "/shared/mark/pace.js";

addEventListener("message", async ({ data: { readable, writable } }) => {
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  const pace = new Pace();
  let bytes = new Uint8Array(0);
  for (;;) {
    const { done, value: frame } = await reader.read();
    if (done) break;
    const began = performance.now();
    if (bytes.length !== frame.allocationSize()) bytes = new Uint8Array(frame.allocationSize());
    const layout = await frame.copyTo(bytes);
    const { format, codedWidth, codedHeight, timestamp } = frame;
    const copied = new VideoFrame(bytes, { format, codedWidth, codedHeight, layout, timestamp });
    writer.write(copied).catch(() => copied.close());
    frame.close();
    const now = performance.now();
    const numbers = pace.done(now - began, timestamp / 1e6, now);
    if (numbers) postMessage(numbers);
  }
});
