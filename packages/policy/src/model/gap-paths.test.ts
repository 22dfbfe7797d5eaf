import assert from "node:assert/strict";
import { GapPaths } from "./gap-paths.ts";
import { CallHistory } from "./history.ts";
import { shippedWeights } from "./weights.ts";

/** Called in each of so many slots, one after the other, after a pause. */
function unbroken(slots: number): CallHistory {
  const calls = new CallHistory();
  calls.observe(29_000_000, 1);
  for (let i = 0; i <= slots; i += 1) calls.observe(29_000_100 + i, 1);
  return calls;
}

describe("GapPaths", () => {
  it("is the surer of the next slot the longer a function was called in each", () => {
    const paths = new GapPaths(shippedWeights());
    const chances = [16, 31, 32, 33, 64, 200, 383].map((slots) => paths.at(unbroken(slots), 1));
    for (const [i, chance] of chances.entries()) {
      assert.ok(chance > 0.8 && chance < 0.9995, `${chance}`);
      // Where the network leaves off, the odds go on from about where it was.
      if (i > 0) assert.ok(chance > (chances[i - 1] ?? 0) - 0.01, `${chances.join(", ")}`);
    }
  });

  it("corrects what it is sure of by what the function taught, as any forecast", () => {
    const paths = new GapPaths(shippedWeights());
    const often = unbroken(100);
    const seldom = unbroken(100);
    seldom.bias = -2;
    const oddsOf = (chance: number): number => chance / (1 - chance);
    const ratio = oddsOf(paths.at(often, 1)) / oddsOf(paths.at(seldom, 1));
    assert.ok(Math.abs(Math.log(ratio) - 2) < 1e-3, `${ratio}`);
  });

  it("has the slots soon after a call due without a look at the history", () => {
    const paths = new GapPaths(shippedWeights());
    for (let ahead = 1; ahead <= 12; ahead += 1) assert.ok(paths.isDue(unbroken(3), ahead));
  });
});
