/** Known policies over known calls: what both accountings say, and that they say it again. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { policies, type FunctionPolicy } from "../function-policy.ts";
import { planPolicyDefault } from "../plan/index.ts";
import { seededRandom } from "../seeded-random.ts";
import {
  callInstants,
  coldAt,
  curvePoints,
  frontier,
  functionFromInstants,
  policyOnSlots,
  poolDemand,
  scoreSlots,
  simulate,
  wasteAt,
  type SimulatedFunction,
  type Totals,
  type Workload,
} from "./index.ts";

const slotMs = 60_000;
const settings = planPolicyDefault;
const options = { settings, prepareMs: 1_000, callMs: 100, scoreFromSlot: 0 };

function calls(id: string, slots: readonly number[], weight = 1): SimulatedFunction {
  return { id, weight, slots, counts: slots.map(() => 1) };
}
const every = (period: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => i * period);
function anyCalls(seed: number): SimulatedFunction {
  const random = seededRandom(seed);
  return calls(
    `f${seed}`,
    Array.from({ length: 1_440 }, (_, i) => i).filter(() => random() < 0.05),
  );
}

describe("Simulation to the second", () => {
  const workload: Workload = {
    functions: [calls("a", [0, 5, 100], 3), calls("b", [0, 200])],
    slotMs,
    slots: 240,
  };

  it("counts cold and warm calls and idle time of a fixed keep-alive, by weight and once", () => {
    const { weighted, distinct, pool } = simulate(workload, { ...options, policy: policies.fixed });
    // Each idle stretch: ten minutes, or from the end of a call (cold ones last 1.1 s) to the next.
    const ofA = 300_000 - 1_100 + 600_000 + 600_000;
    const ofB = 1_200_000;
    assert.deepEqual(
      [distinct.calls, distinct.cold, distinct.warm, distinct.loads, distinct.idleVmMs],
      [5, 4, 1, 4, ofA + ofB],
    );
    assert.deepEqual([weighted.cold, weighted.warm, weighted.idleVmMs], [8, 3, 3 * ofA + ofB]);
    assert.deepEqual(pool, { worst: 2, p999: 2 });
  });

  it("leaves out what lies before the scored slots", () => {
    const late = { ...options, policy: policies.fixed, scoreFromSlot: 105 };
    const { distinct } = simulate(workload, late);
    assert.deepEqual([distinct.calls, distinct.cold], [1, 1]);
    assert.equal(distinct.idleVmMs, 5 * slotMs + 1_100 + 600_000);
  });

  it("has learned a period where the fixed keep-alive starts cold each time", () => {
    const ticking = { functions: [calls("tick", every(30, 48))], slotMs, slots: 1_440 };
    const fixed = simulate(ticking, { ...options, policy: policies.fixed }).distinct;
    const learned = simulate(ticking, { ...options, policy: policies.learned }).distinct;
    assert.equal(fixed.cold, 48);
    assert.ok(learned.cold <= 6 && learned.idleVmMs < fixed.idleVmMs, JSON.stringify(learned));
  });

  it("gives the same figures for the same calls", () => {
    const some = { functions: [1, 2, 3].map(anyCalls), slotMs, slots: 1_440 };
    const run = (): string =>
      JSON.stringify(simulate(some, { ...options, policy: policies.learned }));
    assert.equal(run(), run());
  });
});

describe("Calls of a slot", () => {
  it("are spread over it where only their number is known, and exact where it is not", () => {
    const calls = { id: "f", weight: 1, slots: [1, 2], counts: [1, 3] };
    const [only, ...three] = callInstants(calls, slotMs);
    assert.equal(only, slotMs);
    assert.deepEqual(
      three.map((atMs) => Math.floor((atMs - 2 * slotMs) / 20_000)),
      [0, 1, 2],
    );
    assert.deepEqual([...callInstants(calls, slotMs)].slice(1), three);
    const exact = functionFromInstants("f", [5, 59_999, 60_000], slotMs);
    assert.deepEqual(
      [exact.slots, exact.counts],
      [
        [0, 1],
        [2, 1],
      ],
    );
    assert.deepEqual([...callInstants(exact, slotMs)], [5, 59_999, 60_000]);
  });
});

describe("A function called several times each minute", () => {
  it("has no period within the minute, which nobody saw, and no more cold starts than kept", () => {
    const counts = [3, 2, 3, 2, 2, 3, 2, 2, 2, 2, 3, 2, 2, 3, 4, 2, 2, 2, 2, 2];
    const slots = every(1, 480);
    const busy = { id: "busy", weight: 1, slots, counts: slots.map((i) => counts[i % 20] ?? 2) };
    const workload = { functions: [busy], slotMs, slots: 480 };
    const run = (policy: FunctionPolicy): Totals =>
      simulate(workload, { ...options, policy }).distinct;
    const [fixed, learned] = [run(policies.fixed), run(policies.learned)];
    assert.ok(learned.cold <= fixed.cold + 1, JSON.stringify([fixed, learned]));
    assert.ok(learned.loads <= fixed.loads + 1, JSON.stringify([fixed, learned]));
  });
});

describe("Simulation in slots", () => {
  const knobs = [1, 10, 30].map((minutes) => ({
    label: `${minutes} min`,
    settings: { ...settings, keepAliveMs: minutes * slotMs },
  }));

  it("has a policy keep for exactly the slots that its keep-alive says", () => {
    const workload = { functions: [1, 2, 3, 4].map(anyCalls), slotMs, slots: 1_440 };
    const scores = scoreSlots(workload, policyOnSlots("fixed", policies.fixed, knobs), 480);
    const byHand = { name: "by hand", knobs: knobs.map(({ label }) => label) };
    const minutes = [1, 10, 30];
    const expected = scoreSlots(
      workload,
      {
        ...byHand,
        open: (one) => (knob) =>
          one.slots.map((slot) => ({ from: slot + 1, to: slot + (minutes[knob] ?? 0) })),
      },
      480,
    );
    assert.deepEqual({ ...scores, policy: "" }, { ...expected, policy: "" });
  });

  it("gives a policy nothing of a slot before it is over: calls after it change nothing before", () => {
    const slots = every(20, 30);
    const score = (all: readonly number[]): string => {
      const workload = { functions: [calls("f", all)], slotMs, slots: 500 };
      const policy = policyOnSlots("learned", policies.learned, knobs);
      return JSON.stringify(
        [...knobs.keys()].map((knob) =>
          policy
            .open(
              calls("f", all),
              workload,
              0,
            )(knob)
            .filter(({ to }) => to < 500),
        ),
      );
    };
    assert.equal(score(slots), score([...slots, 700, 703]));
  });
});

describe("Curve", () => {
  const scores = {
    policy: "p",
    knobs: ["a", "b", "c"],
    functionCount: 1,
    cold: Float64Array.of(10, 12, 2),
    waste: Float64Array.of(100, 150, 200),
    loads: Float64Array.of(1, 1, 1),
    coldBySlot: [],
  };
  const best = frontier(curvePoints(scores, [2]));

  it("leaves out settings that another beats, and is read between those that are left", () => {
    assert.deepEqual(
      best.map(({ knob }) => knob),
      [0, 2],
    );
    assert.equal(coldAt(best, 300), 12);
    assert.equal(wasteAt(best, 12), 300);
  });

  it("cannot be read below its cheapest setting, and is level beyond its dearest", () => {
    assert.equal(coldAt(best, 150), undefined);
    assert.equal(coldAt(best, 900), 4);
    assert.equal(wasteAt(best, 3), undefined);
  });
});

describe("Pool demand", () => {
  it("is the worst slot, and what 999 of 1000 slots do not exceed", () => {
    const bySlot = new Uint32Array(2_000);
    bySlot.set([9, 5, 4], 100);
    assert.deepEqual(poolDemand(bySlot), { worst: 9, p999: 4 });
    assert.deepEqual(poolDemand([]), { worst: 0, p999: 0 });
    // Of fewer than a thousand slots the worst is no percentile: the second worst is nearer.
    const day = [56, 46, ...Array.from({ length: 958 }, () => 1)];
    assert.deepEqual(poolDemand(day), { worst: 56, p999: 46 });
  });
});
