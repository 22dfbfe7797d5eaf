/** Each figure on curves that can be read off by hand, and what drawing functions anew does to it. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { figuresOf, intervalOf, type FigureRuns } from "./figures.ts";
import { coldSlots, poolFigures } from "./pool-figures.ts";
import type { SlotPolicy, SlotScores } from "./slot-score.ts";
import type { SimulatedFunction } from "./workload.ts";

/** Points of [waste, cold, loads] of two functions that behave alike, one a setting. */
function scoresOf(points: readonly (readonly [number, number, number])[]): SlotScores {
  const both = (of: 0 | 1 | 2): Float64Array =>
    Float64Array.from(points.flatMap((point) => [point[of], point[of]]));
  return {
    policy: "p",
    knobs: points.map((_, knob) => `${knob}`),
    functionCount: 2,
    waste: both(0),
    cold: both(1),
    loads: both(2),
    coldBySlot: points.map(() => new Uint32Array(0)),
  };
}

const runs: FigureRuns = {
  fixed: scoresOf([
    [40, 90, 90],
    [100, 60, 60],
    [140, 30, 30],
  ]),
  fixedKnob: 1,
  hybrid: scoresOf([
    [90, 40, 70],
    [200, 24, 70],
  ]),
  hybridKnob: 1,
  own: scoresOf([
    [50, 30, 400],
    [100, 20, 300],
    [130, 10, 170],
    [250, 8, 100],
  ]),
  hitsScored: [100, 100],
};

describe("Figures", () => {
  it("compare cold starts at the rival's own waste", () => {
    const figures = figuresOf(runs, [1, 1]);
    assert.equal(figures.timesFewerThanFixed.value, 60 / 20);
    // Between two settings, by a straight line: 130 → 10, 250 → 8, at 200.
    assert.ok(Math.abs((figures.timesFewerThanHybrid.value ?? 0) - 24 / (10 - 7 / 6)) < 1e-9);
    const bestHybrid = 40 - (16 * 10) / 110;
    assert.ok(Math.abs((figures.timesFewerThanBestHybrid.value ?? 0) - bestHybrid / 20) < 1e-9);
  });

  it("take the least lead over every fixed keep-alive", () => {
    const { value } = figuresOf(runs, [1, 1]).timesFewerThanEveryFixed;
    // Theirs: 90 - (waste - 40) / 2 until 100, then 60 - (waste - 100) * 3 / 4; ours falls slower up to 100, from 50 on.
    const leads = [50, 60, 80, 100, 110, 120].map((waste) => {
      const theirs = waste <= 100 ? 90 - (waste - 40) / 2 : 60 - (waste - 100) * 0.75;
      const ours = waste <= 100 ? 30 - (waste - 50) / 5 : 20 - (waste - 100) / 3;
      return theirs / ours;
    });
    assert.ok(Math.abs((value ?? 0) - Math.min(...leads)) < 1e-9, `${value} of ${leads.join()}`);
  });

  it("count only settings that load seldom where loads are bounded", () => {
    // Within a waste of 200 and 3 x 60 loads there is only the setting with 10 cold starts.
    assert.equal(figuresOf(runs, [1, 1]).timesFewerThanHybridFewLoads.value, 24 / 10);
  });

  it("read cold shares within 1.35 of the waste, and the hybrid histogram's at its own", () => {
    const { coldShareP75, hybridColdShareP75 } = figuresOf(runs, [1, 1]);
    assert.equal(coldShareP75.value, 0.1);
    assert.equal(hybridColdShareP75.value, 0.24);
  });

  it("have no interval where all functions are alike, and none without a rival", () => {
    const { timesFewerThanFixed } = figuresOf(runs, [1, 1]);
    assert.deepEqual(timesFewerThanFixed, { value: 3, low: 3, high: 3 });
    const { hybrid: _, ...alone } = runs;
    assert.deepEqual(figuresOf(alone, [1, 1]).timesFewerThanHybrid, {
      value: null,
      low: null,
      high: null,
    });
  });

  it("have the 5th and 95th percentile of what was drawn", () => {
    const drawn = Array.from({ length: 101 }, (_, i) => 100 - i);
    assert.deepEqual(intervalOf(7, [...drawn, undefined]), { value: 7, low: 5, high: 95 });
  });
});

describe("Generic VMs", () => {
  const never: SlotPolicy = { name: "never", knobs: ["-"], open: () => () => [] };
  const calls = (id: string, slots: readonly number[]): SimulatedFunction => ({
    id,
    weight: 1,
    slots,
    counts: slots.map(() => 1),
  });

  it("are counted over all functions of one minute, in the scored part", () => {
    const functions = [calls("a", [3, 10, 20]), calls("b", [3, 10]), calls("c", [10])];
    const workload = { functions, slotMs: 60_000, slots: 1_510 };
    const cold = coldSlots(workload, never, 0, 10);
    assert.deepEqual(cold, [[0, 10], [0], [0]]);
    const { worst, p999 } = poolFigures(cold, 1_500);
    assert.deepEqual([worst.value, p999.value], [3, 1]);
    assert.ok((worst.low ?? 9) >= 1 && (worst.high ?? 0) <= 3);
  });
});
