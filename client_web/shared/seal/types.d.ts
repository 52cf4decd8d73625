/** The shapes that the parts of sealing pass to each other, and what TypeScript's DOM library does not know of encoded transforms. */

export type Kind = "audio" | "video";
export type Bytes = Uint8Array<ArrayBuffer>;

/** Who is at the other end of a section: the person at this index, everybody (nothing comes in there), or nobody yet. */
export type Whose = number | "all" | null;

/** What a transform is told when it is made. `index`: whose frames a receiving one may pass, and for whom a sending one seals its pictures. */
export type Stream = { side: "send" | "recv"; kind: Kind; mid: string; index: Whose };

/** What sealing touches of an encoded frame. */
export type Frame = { data: ArrayBuffer; type?: string };

/** To the worker. */
export type Told =
  | { k: "init"; call: string; index: number; me: string }
  | { k: "peer"; ref: string; index: number; body?: string }
  | { k: "body"; ref: string; body: string }
  | { k: "gone"; ref: string }
  | { k: "roster"; told: Entry }
  | { k: "claim"; mid: string; index: Whose }
  | { k: "stats" }
  | { k: "end" };

/**
 * What the server hands out of somebody in a call: which of their devices may talk, as it was signed. Nothing of it is believed unchecked.
 * `mine`: what was signed for our own side, to say so where this device is missing there.
 */
export type Entry = { ref: string; contact: string; side: string; roster: string | null; knows: string | null; mine?: string | null };

/** What a device remembers of whom it met: the contact, whose signature it was, the newest roster, and when our own yes to that was said. */
export type Met = { contact: string; side: string; guardian: string; serial: number; at: number };

/** To the worker, outside of any call. */
export type Ask = { k: "ring"; n: number; me: string } & (
  | { do: "id" }
  | { do: "sign"; text: string }
  /** the key of the grown-up's browser that paired this device */
  | { do: "own"; key: string }
  /** the devices for which this browser signs; and other ones from now on */
  | { do: "signed"; whose: string }
  | { do: "set-signed"; whose: string; keys: string[] }
);

export type Numbers = {
  /** frames that came to be sealed, those that were, and the bytes of these */
  came: Record<Kind, number>;
  sent: Record<Kind, number>;
  bytes: Record<Kind, number>;
  /** by mid: frames that came to the transform, those that opened, and those of the rest that were not empty */
  arrived: Record<string, number>;
  opened: Record<string, number>;
  refused: Record<string, number>;
  /** frames not let through, by reason */
  dropped: Record<string, number>;
};

/** From the worker. No message ever carries a key that opens anything; `id` is public. */
export type Said =
  | { k: "awake" }
  | { k: "ready"; hello: string }
  | { k: "failed"; why: string }
  | { k: "rung"; n: number; is?: string | string[]; fault?: string }
  | { k: "send"; ref: string; body: string }
  | { k: "kids"; kids: number[] }
  | { k: "unsigned"; ref: string; why: string }
  | { k: "refused"; ref: string; why: string }
  | { k: "confirmed"; ref: string }
  | { k: "dark"; ref: string }
  | { k: "sealed"; kind: Kind; mid: string }
  | { k: "opened"; mid: string; kind: Kind; index: number }
  | ({ k: "stats" } & Numbers);

/** What stays on this device between calls. The worker's is IndexedDB; a test's is a map. */
export interface Vault {
  identity(me: string): Promise<CryptoKeyPair>;
  met(me: string, ref: string): Promise<Met | undefined>;
  meet(me: string, ref: string, met: Met): Promise<void>;
  own(me: string): Promise<string | undefined>;
  setOwn(me: string, key: string): Promise<void>;
  signed(me: string, whose: string): Promise<string[]>;
  setSigned(me: string, whose: string, keys: string[]): Promise<void>;
}

declare global {
  interface RTCTransformEvent extends Event {
    readonly transformer: {
      readonly readable: ReadableStream<Frame>;
      readonly writable: WritableStream<Frame>;
      readonly options: Stream;
      sendKeyFrameRequest?: () => Promise<void>;
    };
  }
  interface RTCConfiguration {
    /** Chromium only, not in the standard: nothing leaves and nothing is shown until a transform is there. */
    encodedInsertableStreams?: boolean;
  }
}
