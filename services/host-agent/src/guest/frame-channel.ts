/**
 * Frames over one channel to a guest: a 4-byte little-endian length and that many bytes. The guest is not
 * trusted: a length over the limit breaks the channel before anything is stored for it.
 */
import type { Duplex } from "node:stream";
import { TidepoolError } from "@tidepool/common";

export const frameMaxBytes = 1024 * 1024;
const headerBytes = 4;
/** Pieces smaller than this are put together as they come: a guest that sends byte by byte costs no more. */
const pieceMinBytes = 4096;

export interface FrameChannelEvents {
  readonly onFrame: (frame: Uint8Array) => void;
  /** Called once: the guest broke the protocol (`guestCrash`), or the channel closed (`unavailable`). */
  readonly onEnd: (error: TidepoolError) => void;
}

export class FrameChannel {
  readonly #stream: Duplex;
  readonly #events: FrameChannelEvents;
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #neededBytes = headerBytes;
  #hasEnded = false;
  #isHeld = false;

  constructor(stream: Duplex, events: FrameChannelEvents) {
    this.#stream = stream;
    this.#events = events;
    stream.on("data", (bytes: Buffer) => {
      this.#push(bytes);
    });
    stream.on("error", () => undefined);
    const onEnd = (): void => {
      this.#end(new TidepoolError("unavailable", "the channel to the guest closed"));
    };
    stream.on("end", onEnd);
    stream.on("close", onEnd);
  }

  /** Frames sent after the end are dropped: `onEnd` has told. Answers false when the stream is full. */
  send(body: Uint8Array): boolean {
    if (this.#hasEnded || this.#stream.destroyed) return true;
    const header = Buffer.allocUnsafe(headerBytes);
    header.writeUInt32LE(body.length);
    this.#stream.cork();
    this.#stream.write(header);
    const hasRoom = this.#stream.write(body);
    this.#stream.uncork();
    return hasRoom;
  }

  /** Resolves when what was sent has left, or the channel has ended. */
  drained(): Promise<void> {
    const stream = this.#stream;
    if (this.#hasEnded || stream.destroyed || !stream.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        stream.off("drain", done).off("close", done);
        resolve();
      };
      stream.on("drain", done).on("close", done);
    });
  }

  /** Delivers no frame and reads no more until release(): the guest has to wait. */
  hold(): void {
    this.#isHeld = true;
    this.#stream.pause();
  }

  release(): void {
    this.#isHeld = false;
    this.#cut();
    if (!this.#isReleased()) return;
    this.#stream.resume();
  }

  #isReleased(): boolean {
    return !this.#isHeld && !this.#hasEnded;
  }

  #push(bytes: Buffer): void {
    if (this.#hasEnded) return;
    this.#parts.push(bytes);
    this.#partsBytes += bytes.length;
    this.#joinSmallPieces();
    if (this.#isReleased()) this.#cut();
  }

  /** Each joined only with one no larger than itself, so that a byte is copied few times. */
  #joinSmallPieces(): void {
    for (;;) {
      const [before, last] = this.#parts.slice(-2);
      if (before === undefined || last === undefined) return;
      if (before.length > last.length || before.length >= pieceMinBytes) return;
      this.#parts.splice(-2, 2, Buffer.concat([before, last]));
    }
  }

  #cut(): void {
    if (this.#partsBytes < this.#neededBytes) return;
    const [only] = this.#parts;
    let pending =
      this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
    this.#neededBytes = headerBytes;
    while (pending.length >= headerBytes && this.#isReleased()) {
      const length = pending.readUInt32LE(0);
      if (length > frameMaxBytes) {
        const limit = String(frameMaxBytes);
        const text = `the guest sent a frame of ${String(length)} bytes, limit is ${limit}`;
        this.#end(new TidepoolError("guestCrash", text, { component: "guest" }));
        return;
      }
      if (pending.length < headerBytes + length) {
        this.#neededBytes = headerBytes + length;
        break;
      }
      const frame = pending.subarray(headerBytes, headerBytes + length);
      pending = pending.subarray(headerBytes + length);
      this.#deliver(frame);
    }
    if (this.#hasEnded) return;
    this.#parts = [pending];
    this.#partsBytes = pending.length;
  }

  #deliver(frame: Uint8Array): void {
    try {
      this.#events.onFrame(frame);
    } catch (thrown) {
      const text = "the guest sent a message that cannot be read";
      const options = { cause: thrown, component: "guest" as const };
      this.#end(new TidepoolError("guestCrash", text, options));
    }
  }

  #end(error: TidepoolError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#parts = [];
    this.#partsBytes = 0;
    this.#events.onEnd(error);
  }
}
