import assert from "node:assert/strict";
import { PacketSplitter, encodePacket, packetMaxBytes, type Packet } from "./packet.ts";

const header = { program: 0x20008086, version: 1, procedure: 10, type: 0, serial: 7, status: 0 };
const packets: Packet[] = ["", "abcd", "x".repeat(4096)].map((text, serial) => ({
  ...header,
  serial,
  body: Buffer.from(text),
}));

describe("PacketSplitter", () => {
  for (const chunkBytes of [1, 3, 28, 29, 100_000])
    it(`finds the same packets in chunks of ${chunkBytes} bytes`, () => {
      const stream = Buffer.concat(packets.map(encodePacket));
      const splitter = new PacketSplitter();
      const found: Packet[] = [];
      for (let start = 0; start < stream.length; start += chunkBytes)
        found.push(...splitter.push(stream.subarray(start, start + chunkBytes)));
      assert.deepEqual(found, packets);
    });

  for (const lengthBytes of [0, 27, packetMaxBytes + 1])
    it(`gives up on a stream that announces a packet of ${lengthBytes} bytes`, () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(lengthBytes);
      assert.throws(() => new PacketSplitter().push(bytes), { code: "internal" });
    });
});

describe("encodePacket", () => {
  it("refuses a body over the limit", () => {
    const body = Buffer.alloc(packetMaxBytes);
    assert.throws(() => encodePacket({ ...header, body }), { code: "tooLarge" });
  });
});
