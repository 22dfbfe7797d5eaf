import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";

describe("A duration", () => {
  it("is a number and a unit, and nothing else", () => {
    assert.equal(parseDuration("1.5h"), 5_400_000);
    assert.equal(parseDuration(" 250 ms"), 250);
    for (const text of ["", "5", "m", "5 minutes", "-1s", "1h30m"])
      assert.equal(parseDuration(text), undefined, text);
  });

  it("reads back what was written", () => {
    fc.assert(
      fc.property(fc.nat(1e12), (ms) => {
        assert.equal(parseDuration(formatDuration(ms)), ms);
      }),
    );
    assert.equal(formatDuration(120_000), "2m");
  });
});
