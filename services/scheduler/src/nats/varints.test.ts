import assert from "node:assert/strict";
import { VarintReader, VarintWriter } from "./varints.ts";

describe("varints", () => {
  it("are the same again, at every width", () => {
    const writer = new VarintWriter();
    const values = [0, 1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 1_763_000_000_123, 2 ** 52];
    for (const value of values) {
      writer.uint(value);
      writer.int(value);
      writer.int(-value);
    }
    const reader = new VarintReader(writer.take());
    for (const value of values)
      assert.deepEqual([reader.uint(), reader.int(), reader.int() + 0], [value, value, 0 - value]);
    assert.ok(reader.isAtEnd);
    assert.equal(writer.take().length, 0);
  });

  it("are refused when they break off", () => {
    assert.throws(() => new VarintReader(Uint8Array.of(0x80)).uint(), RangeError);
  });
});
