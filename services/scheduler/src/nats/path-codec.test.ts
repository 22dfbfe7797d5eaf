/** What was forecast comes back as it was, whatever is due and made of it: it is not made again, and no other. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readForecasts, readRuns, writePath } from "./path-codec.ts";
import { ProtoReader, ProtoWriter } from "./proto-bytes.ts";

const slot = fc.oneof(
  fc.constant(0),
  fc.constant(Number.NaN),
  fc.float({ min: Math.fround(1e-9), max: 1, noNaN: true }),
);
const paths = fc
  .array(fc.tuple(slot, fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 60 })
  .map((runs) => Float32Array.from(runs.flatMap(([value, length]) => Array(length).fill(value))));

function again(values: Float32Array): { edition: number; values: Float32Array; bytes: number } {
  const writer = new ProtoWriter();
  writePath(writer, { edition: 2 ** 45 + 3, values, isNew: true });
  const bytes = Uint8Array.from(writer.take());
  const reader = new ProtoReader(bytes);
  let edition = 0;
  let read = new Float32Array(0);
  while (reader.next(reader.length))
    if (reader.field === 27) edition = reader.double();
    else if (reader.field === 28) read = Float32Array.from(readRuns(reader, reader.part()));
    else readForecasts(reader, reader.part(), read);
  return { edition, values: read, bytes: bytes.length };
}

describe("a path on the wire", () => {
  it("is the same again, up to where it is cut", () => {
    fc.assert(
      fc.property(paths, (values) => {
        const read = again(values);
        assert.equal(read.edition, 2 ** 45 + 3);
        assert.deepEqual(read.values, values.slice(0, read.values.length));
        const made = values.filter((value) => value > 0).length;
        assert.ok(made > 512 || read.values.length === values.length);
      }),
      { numRuns: 300 },
    );
  });

  it("is cut where it would take too much room", () => {
    const read = again(new Float32Array(2_000).fill(0.25));
    assert.equal(read.values.length, 512);
    assert.ok(read.bytes < 2_100);
  });

  it("is refused when it says to reach further than any", () => {
    const reader = new ProtoReader(Uint8Array.of(0xfd, 0xff, 0xff, 0x7f));
    assert.throws(() => readRuns(reader, reader.length), RangeError);
  });
});
