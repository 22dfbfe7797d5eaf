import assert from "node:assert/strict";

import fc from "fast-check";

import { GapTable } from "./gap-table.ts";

const lengthLists = fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 60 });

describe("gap table", () => {
  it("counts and weighs what lies below a length as a walk over all does", () => {
    const fade = 0.9;
    const table = new GapTable(64, [fade]);
    fc.assert(
      fc.property(lengthLists, fc.integer({ min: 0, max: 200_001 }), (lengths, length) => {
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
