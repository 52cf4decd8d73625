/** The shapes that the parts of sealing pass to each other, and what TypeScript's DOM library does not know of encoded transforms. */

export type Kind = "audio" | "video";
export type Bytes = Uint8Array<ArrayBuffer>;

/** What a transform is told when it is made. `index`: whose frames a receiving one may pass; null: nobody's yet. */
export type Stream = { side: "send" | "recv"; kind: Kind; mid: string; index: number | null };

/** What sealing touches of an encoded frame. */
export type Frame = { data: ArrayBuffer; type?: string };

/** To the worker. */
export type Told =
  | { k: "init"; call: string; index: number; me: string }
  | { k: "peer"; ref: string; index: number; body?: string }
  | { k: "body"; ref: string; body: string }
  | { k: "gone"; ref: string }
  | { k: "accept"; ref: string; id: string }
  | { k: "claim"; mid: string; index: number | null }
  | { k: "stats" }
  | { k: "end" };

/** To the worker, outside of any call: the public half of somebody's identity here, or its signature over `text`. */
export type Ask = { k: "ring"; n: number; me: string; text?: string };

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
  | { k: "rung"; n: number; is?: string; fault?: string }
  | { k: "send"; ref: string; body: string }
  | { k: "kids"; kids: number[] }
  | { k: "changed"; ref: string; was: string; id: string }
  | { k: "refused"; ref: string; why: string }
  | { k: "confirmed"; ref: string }
  | { k: "dark"; ref: string }
  | { k: "sealed"; kind: Kind }
  | { k: "opened"; mid: string; kind: Kind; index: number }
  | ({ k: "stats" } & Numbers);

/** What stays on this device between calls. The worker's is IndexedDB; a test's is a map. */
export interface Vault {
  identity(me: string): Promise<CryptoKeyPair>;
  pinned(me: string, ref: string): Promise<string | undefined>;
  pin(me: string, ref: string, id: string): Promise<void>;
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
