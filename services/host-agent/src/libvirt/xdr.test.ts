import assert from "node:assert/strict";
import * as fc from "fast-check";
import { TidepoolError } from "@tidepool/common";
import { XdrReader, XdrWriter } from "./xdr.ts";

describe("XDR", () => {
  it("pads a string to four bytes and counts only its own", () => {
    const bytes = new XdrWriter().string("abcde").toBuffer();
    assert.equal(bytes.toString("hex"), "00000005" + "6162636465" + "000000");
  });

  it("reads back whatever it wrote", () => {
    const values = fc.tuple(fc.string({ unit: "grapheme" }), fc.integer(), fc.option(fc.string()));
    fc.assert(
      fc.property(values, ([text, int, optional]) => {
        const writer = new XdrWriter().string(text).int(int & ~0);
        writer.optional(optional ?? undefined, (value) => writer.string(value));
        const reader = new XdrReader(writer.toBuffer());
        const read = [reader.string(), reader.int(), reader.optional(() => reader.string())];
        assert.deepEqual(read, [text, int & ~0, optional ?? undefined]);
        assert.equal(reader.remainingBytes, 0);
      }),
    );
  });

  const lies = [
    { what: "a string longer than the message", bytes: "000000ff61626364" },
    { what: "a string without its padding", bytes: "000000016100" },
    { what: "a message that ends within a number", bytes: "0000" },
  ];
  for (const { what, bytes } of lies)
    it(`refuses ${what}`, () => {
      const reader = new XdrReader(Buffer.from(bytes, "hex"));
      assert.throws(() => reader.string(), TidepoolError);
    });

  it("refuses a list with more items than bytes, before it makes room for them", () => {
    const reader = new XdrReader(Buffer.from("7fffffff00000000", "hex"));
    assert.throws(() => reader.array(() => reader.int()), /2147483647 items in 4 bytes/);
  });
});
