import assert from "node:assert/strict";
import { splitTarget } from "./split-target.ts";

const targets = (target: number, ...weights: number[]): number[] =>
  splitTarget(
    target,
    weights.map((weight, i) => ({ hostId: `h-${i}`, weight })),
  ).map((part) => part.target);

describe("splitTarget", () => {
  it("gives each host its share of the capacity", () => {
    assert.deepEqual(targets(8, 30, 10), [6, 2]);
  });

  it("always adds up to the whole", () => {
    for (let target = 0; target < 50; target += 1) {
      const sum = targets(target, 7, 11, 13, 1).reduce((a, b) => a + b, 0);
      assert.equal(sum, target);
    }
  });

  it("gives nothing to a host without capacity", () => {
    assert.deepEqual(targets(3, 0, 5), [0, 3]);
    assert.deepEqual(targets(3, 0, 0), [0, 0]);
  });
});
