import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { countChance, gapChance, surprise } from "./chance.ts";

describe("chance", () => {
  it("proves nothing by a gap of one step of the clock", () => {
    assert.equal(gapChance(60_000, 0, 60_000, 0), 1);
  });
  it("is the best that any rate could do on a clock of steps", () => {
    // Steps of 1 with probability p: the chance of a gap of exactly 5 is p(1-p)^4, at most at p = 1/5.
    assert.ok(Math.abs(gapChance(5, 0, 1, 0) - 0.2 * 0.8 ** 4) < 1e-9);
  });
  it("grows with the tolerance, the grain and the dead time", () => {
    const least = gapChance(100, 5, 1, 0);
    for (const other of [
      gapChance(100, 10, 1, 0),
      gapChance(100, 5, 5, 0),
      gapChance(100, 5, 1, 20),
    ])
      assert.ok(other > least);
  });
  it("knows how often a busy step has exactly one call at most", () => {
    assert.ok(Math.abs(countChance(1) - Math.exp(-1)) < 1e-12);
  });
  it("is surprised by hits beyond chance only, and bounds the binomial tail", () => {
    assert.equal(surprise(2, 10, 0.2), 0);
    assert.ok(Math.abs(surprise(4, 4, 0.1) - 4 * Math.log(10)) < 1e-9);
    assert.ok(Math.exp(-surprise(8, 10, 0.3)) >= 45 * 0.3 ** 8 * 0.7 ** 2);
  });
});
