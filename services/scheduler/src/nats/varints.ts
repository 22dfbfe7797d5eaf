/**
 * Whole numbers below 2^53 as varints, seven bits a byte, and signed ones folded onto them: a function's many
 * instants take a byte or three each, and reading them is most of the work of touching a function.
 */

export class VarintWriter {
  private bytes = new Uint8Array(256);
  private length = 0;

  uint(value: number): void {
    if (this.length + bytesPerVarintMax > this.bytes.length) this.grow();
    let left = value;
    while (left >= 0x80) {
      // Bitwise operators see the low 32 bits only, and need no more here.
      this.bytes[this.length++] = (left & 0x7f) | 0x80;
      left = left < smallMax ? left >>> 7 : Math.floor(left / 0x80);
    }
    this.bytes[this.length++] = left;
  }

  int(value: number): void {
    this.uint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** What was written since the last time. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }

  private grow(): void {
    const grown = new Uint8Array(this.bytes.length * 2);
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

export class VarintReader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  /** @throws RangeError past the end */
  uint(): number {
    let byte = this.next();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 0x80;
    do {
      byte = this.next();
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    } while (byte >= 0x80);
    return value;
  }

  int(): number {
    const folded = this.uint();
    return folded % 2 === 1 ? -(folded + 1) / 2 : folded / 2;
  }

  private next(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError(`varint past ${this.bytes.length} bytes`);
    return byte;
  }
}

const bytesPerVarintMax = 8;
const smallMax = 2 ** 31;
