/**
 * Cuts a byte stream into frames: a 4-byte little-endian length and that many bytes. The host-agent is
 * trusted here; a length beyond the limit means that the stream is out of step, which ends the runtime.
 */
const frameMaxBytes = 1024 * 1024;
const headerBytes = 4;

export class FrameReader {
  readonly #onFrame: (frame: Uint8Array) => void;
  #pending: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #neededBytes = headerBytes;

  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  push(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#partsBytes += bytes.length;
    // Joining only when a frame is complete keeps a large frame linear.
    if (this.#pending.length + this.#partsBytes < this.#neededBytes) return;
    this.#pending = Buffer.concat([this.#pending, ...this.#parts]);
    this.#parts = [];
    this.#partsBytes = 0;
    this.#cut();
  }

  #cut(): void {
    let at = 0;
    this.#neededBytes = headerBytes;
    while (this.#pending.length - at >= headerBytes) {
      const length = this.#pending.readUInt32LE(at);
      if (length > frameMaxBytes) {
        throw new Error(`frame of ${String(length)} bytes, limit is ${String(frameMaxBytes)}`);
      }
      if (this.#pending.length - at < headerBytes + length) {
        this.#neededBytes = headerBytes + length;
        break;
      }
      this.#onFrame(this.#pending.subarray(at + headerBytes, at + headerBytes + length));
      at += headerBytes + length;
    }
    this.#pending = this.#pending.subarray(at);
  }
}
