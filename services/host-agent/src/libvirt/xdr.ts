/**
 * XDR (RFC 4506), the part that libvirt's RPC uses: big-endian, every item padded to four bytes.
 *
 * The reader trusts nothing: a length that runs past the packet is a TidepoolError, never a short string.
 */
import { TidepoolError } from "@tidepool/common";

const unitBytes = 4;

export class XdrWriter {
  readonly #parts: Buffer[] = [];

  int(value: number): this {
    const part = Buffer.allocUnsafe(unitBytes);
    part.writeInt32BE(value);
    this.#parts.push(part);
    return this;
  }

  uint(value: number): this {
    const part = Buffer.allocUnsafe(unitBytes);
    part.writeUInt32BE(value);
    this.#parts.push(part);
    return this;
  }

  /** Fixed length: no length word before it. */
  opaque(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes), Buffer.alloc(paddingBytes(bytes.length)));
    return this;
  }

  string(text: string): this {
    const bytes = Buffer.from(text);
    return this.uint(bytes.length).opaque(bytes);
  }

  /** A pointer in the protocol's description: a flag, then the value when there is one. */
  optional<T>(value: T | undefined, write: (value: T) => void): this {
    this.int(value === undefined ? 0 : 1);
    if (value !== undefined) write(value);
    return this;
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

export class XdrReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remainingBytes(): number {
    return this.#bytes.length - this.#offset;
  }

  int(): number {
    return this.#take(unitBytes).readInt32BE();
  }

  uint(): number {
    return this.#take(unitBytes).readUInt32BE();
  }

  /** 64 bits, as a number: all such fields that we read are versions, far below 2^53. */
  hyper(): number {
    return Number(this.#take(2 * unitBytes).readBigInt64BE());
  }

  opaque(lengthBytes: number): Buffer {
    const bytes = this.#take(lengthBytes + paddingBytes(lengthBytes));
    return bytes.subarray(0, lengthBytes);
  }

  string(): string {
    return this.opaque(this.uint()).toString();
  }

  optional<T>(read: () => T): T | undefined {
    return this.int() === 0 ? undefined : read();
  }

  array<T>(read: () => T): T[] {
    const count = this.uint();
    if (count * unitBytes > this.remainingBytes)
      throw new TidepoolError(
        "internal",
        `libvirt sent a list of ${count} items in ${this.remainingBytes} bytes`,
      );
    return Array.from({ length: count }, read);
  }

  #take(lengthBytes: number): Buffer {
    if (lengthBytes > this.remainingBytes)
      throw new TidepoolError(
        "internal",
        `libvirt sent a message of ${this.#bytes.length} bytes, ${lengthBytes} more were expected at byte ${this.#offset}`,
      );
    const start = this.#offset;
    this.#offset += lengthBytes;
    return this.#bytes.subarray(start, this.#offset);
  }
}

function paddingBytes(lengthBytes: number): number {
  return (unitBytes - (lengthBytes % unitBytes)) % unitBytes;
}
