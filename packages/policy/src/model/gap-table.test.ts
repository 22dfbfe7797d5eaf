import assert from "node:assert/strict";

import fc from "fast-check";

import { GapTable } from "./gap-table.ts";

/** Few and many, of one digit and of several: each is put in order in its own way. */
const lengthLists = fc
  .tuple(fc.constantFrom(0, 60), fc.constantFrom(9, 255, 200_000))
  .chain(([minLength, max]) =>
    fc.array(fc.integer({ min: 1, max }), { minLength, maxLength: minLength + 60 }),
  );

describe("gap table", () => {
  it("counts and weighs what lies below a length as a walk over all does", () => {
    const fade = 0.9;
    const table = new GapTable(128, [fade]);
    fc.assert(
      fc.property(lengthLists, fc.oneof(fc.nat(260), fc.nat(200_001)), (lengths, length) => {
        table.open(Int32Array.from(lengths), lengths.length);
        const below = lengths.filter((one) => one < length);
        assert.equal(table.below(length), below.length);
        const weight = lengths.reduce((sum, one, i) => sum + (one < length ? fade ** i : 0), 0);
        assert.ok(Math.abs(table.weight(0, 0, table.below(length)) - weight) < 1e-9);
      }),
      { numRuns: 200 },
    );
  });
});
