import assert from "node:assert/strict";
import { FrameReader } from "./frame-reader.ts";

function frame(text: string): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(text.length);
  return Buffer.concat([header, Buffer.from(text)]);
}

describe("FrameReader", () => {
  const stream = Buffer.concat(["one", "", "x".repeat(1000)].map(frame));
  for (const step of [1, 3, 5, 7, 1000, stream.length]) {
    it(`finds the frames in pieces of ${step} bytes`, () => {
      const found: string[] = [];
      const reader = new FrameReader((bytes) => found.push(Buffer.from(bytes).toString()));
      for (let at = 0; at < stream.length; at += step) reader.push(stream.subarray(at, at + step));
      assert.deepEqual(found, ["one", "", "x".repeat(1000)]);
    });
  }

  it("refuses a length over the limit", () => {
    const reader = new FrameReader(() => undefined);
    assert.throws(() => {
      reader.push(Buffer.from([0xff, 0xff, 0xff, 0x7f]));
    }, /frame of 2147483647 bytes, limit is 1048576/);
  });
});
