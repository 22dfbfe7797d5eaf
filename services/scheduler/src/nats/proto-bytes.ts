/**
 * Protobuf's wire format, written and read in place. A function's memory is packed and unpacked with each call
 * of a function that was not called lately, some fifty fields and two hundred varints: the generated codecs,
 * which make an object for each, take several times as long. What they read and write is the same; a test compares.
 */

/** The length of a part is written when it is known, in two bytes. */
const lengthBytes = 2;
const lengthMax = 1 << 14;
const fieldBytesMax = 16;
/** Of 16 bits. */
const shortVarintBytesMax = 3;
const smallMax = 2 ** 31;
const wireTypes = { varint: 0, double: 1, bytes: 2, fixed32: 5 } as const;

export class ProtoWriter {
  private bytes = new Uint8Array(4_096);
  private view = new DataView(this.bytes.buffer);
  private length = 0;

  uintField(field: number, value: number): void {
    if (value === 0) return;
    this.varint((field << 3) | wireTypes.varint);
    this.varint(value);
  }

  flagField(field: number, value: boolean): void {
    this.uintField(field, value ? 1 : 0);
  }

  doubleField(field: number, value: number): void {
    if (Object.is(value, 0)) return;
    this.presentDouble(field, value);
  }

  /** Of a field that tells 0 from absence. */
  presentDouble(field: number, value: number): void {
    if (this.length + fieldBytesMax > this.bytes.length) this.grow();
    const { bytes } = this;
    const tag = (field << 3) | wireTypes.double;
    let at = this.length;
    if (tag < 0x80) bytes[at++] = tag;
    else {
      bytes[at++] = (tag & 0x7f) | 0x80;
      bytes[at++] = tag >> 7;
    }
    this.view.setFloat64(at, value, true);
    this.length = at + 8;
  }

  /** Begins a message or a string of bytes. @returns what `end` is to be given */
  begin(field: number): number {
    this.varint((field << 3) | wireTypes.bytes);
    this.length += lengthBytes;
    return this.length;
  }

  /** @throws RangeError when the part is longer than its length can tell */
  end(began: number): void {
    const length = this.length - began;
    if (length >= lengthMax)
      throw new RangeError(`a part of ${length} bytes, at most ${lengthMax}`);
    this.bytes[began - 2] = (length & 0x7f) | 0x80;
    this.bytes[began - 1] = length >> 7;
  }

  /** A whole number from 0, below 2^53. */
  varint(value: number): void {
    if (this.length + fieldBytesMax > this.bytes.length) this.grow();
    let left = value;
    while (left >= 0x80) {
      // Bitwise operators see the low 32 bits only, and need no more here.
      this.bytes[this.length++] = (left & 0x7f) | 0x80;
      left = left < smallMax ? left >>> 7 : Math.floor(left / 0x80);
    }
    this.bytes[this.length++] = left;
  }

  /** The first `count` of them. */
  varints(values: Uint16Array, count: number): void {
    while (this.length + count * shortVarintBytesMax + fieldBytesMax > this.bytes.length)
      this.grow();
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < count; i += 1) {
      let left = values[i] ?? 0;
      while (left >= 0x80) {
        bytes[at++] = (left & 0x7f) | 0x80;
        left >>>= 7;
      }
      bytes[at++] = left;
    }
    this.length = at;
  }

  /** A whole number of either sign. */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  word(value: number): void {
    if (this.length + fieldBytesMax > this.bytes.length) this.grow();
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  float(value: number): void {
    if (this.length + fieldBytesMax > this.bytes.length) this.grow();
    this.view.setFloat32(this.length, value, true);
    this.length += 4;
  }

  /** What was written since the last time; a view, valid until more is written. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length);
    this.length = 0;
    return taken;
  }

  private grow(): void {
    const grown = new Uint8Array(this.bytes.length * 2);
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

export class ProtoReader {
  /** Of the field that was begun last. */
  field = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;
  private wireType = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  isBefore(end: number): boolean {
    return this.at < end;
  }

  /** Begins the next field of a part that ends at `end`; false when there is none. */
  next(end: number): boolean {
    if (this.at >= end) return false;
    const tag = this.varint();
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    return true;
  }

  double(): number {
    const value = this.view.getFloat64(this.at, true);
    this.at += 8;
    return value;
  }

  /** Where the message or string of bytes ends that begins here. */
  part(): number {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.bytes.length)
      throw new RangeError(`a part ends after ${this.bytes.length} bytes`);
    return end;
  }

  varint(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    // Most fit in 28 bits: whole numbers of the processor's own.
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    let scale = 2 ** 28;
    do {
      byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    } while (byte >= 0x80);
    return value;
  }

  /** All up to `end`. @returns how many */
  varints(end: number, out: Uint16Array): number {
    let count = 0;
    const { bytes } = this;
    while (this.at < end) {
      const byte = bytes[this.at] ?? 0;
      if (byte < 0x80) {
        out[count++] = byte;
        this.at += 1;
      } else out[count++] = this.varint();
    }
    return count;
  }

  signed(): number {
    const folded = this.varint();
    return folded % 2 === 1 ? -(folded + 1) / 2 : folded / 2;
  }

  word(): number {
    const value = this.view.getUint32(this.at, true);
    this.at += 4;
    return value;
  }

  float(): number {
    const value = this.view.getFloat32(this.at, true);
    this.at += 4;
    return value;
  }

  /** A field that this reader does not know. */
  skip(): void {
    if (this.wireType === wireTypes.varint) this.varint();
    else if (this.wireType === wireTypes.double) this.at += 8;
    else if (this.wireType === wireTypes.fixed32) this.at += 4;
    else if (this.wireType === wireTypes.bytes) this.at = this.part();
    else throw new RangeError(`field ${this.field} has wire type ${this.wireType}`);
  }

  private byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError(`more than ${this.bytes.length} bytes`);
    return byte;
  }
}
