/**
 * Packets of libvirt's RPC: a length word that counts itself, a header of six words, a body.
 *
 *   | length | program | version | procedure | type | serial | status | body … |
 */
import { TidepoolError } from "@tidepool/common";
import { XdrReader, XdrWriter } from "./xdr.ts";

/** VIR_NET_MESSAGE_MAX of libvirt 9, plus its length word. */
export const packetMaxBytes = 32 * 1024 * 1024 + 4;

const lengthBytes = 4;
const headerBytes = 24;

export interface PacketHeader {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
}

export interface Packet extends PacketHeader {
  readonly body: Buffer;
}

/** @throws TidepoolError `tooLarge` when the body does not fit into one packet */
export function encodePacket(packet: Packet): Buffer {
  const total = lengthBytes + headerBytes + packet.body.length;
  if (total > packetMaxBytes)
    throw new TidepoolError(
      "tooLarge",
      `a libvirt call of ${total} bytes is over the limit of ${packetMaxBytes} bytes`,
    );
  const header = new XdrWriter()
    .uint(total)
    .uint(packet.program)
    .uint(packet.version)
    .int(packet.procedure)
    .int(packet.type)
    .uint(packet.serial)
    .int(packet.status);
  return Buffer.concat([header.toBuffer(), packet.body]);
}

/** Cuts a byte stream into packets; whatever is incomplete waits for the next chunk. */
export class PacketSplitter {
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;

  /** @throws TidepoolError `internal` when a length is impossible: the stream cannot be followed any more */
  push(chunk: Buffer): Packet[] {
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    const packets: Packet[] = [];
    for (;;) {
      const length = this.#nextPacketBytes();
      if (length === undefined || this.#bufferedBytes < length) return packets;
      const bytes = this.#join();
      packets.push(decodePacket(bytes.subarray(lengthBytes, length)));
      this.#chunks = [bytes.subarray(length)];
      this.#bufferedBytes -= length;
    }
  }

  #nextPacketBytes(): number | undefined {
    if (this.#bufferedBytes < lengthBytes) return undefined;
    const first = this.#chunks[0];
    const start = first !== undefined && first.length >= lengthBytes ? first : this.#join();
    const length = start.readUInt32BE();
    if (length < lengthBytes + headerBytes || length > packetMaxBytes)
      throw new TidepoolError(
        "internal",
        `libvirt announced a packet of ${length} bytes, allowed are ${lengthBytes + headerBytes} to ${packetMaxBytes}`,
      );
    return length;
  }

  #join(): Buffer {
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}

function decodePacket(bytes: Buffer): Packet {
  const reader = new XdrReader(bytes);
  return {
    program: reader.uint(),
    version: reader.uint(),
    procedure: reader.int(),
    type: reader.int(),
    serial: reader.uint(),
    status: reader.int(),
    body: bytes.subarray(headerBytes),
  };
}
