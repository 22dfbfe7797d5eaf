/** The cut: monotone in degree and count, none at 0, never under the floor, given back when it ends. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import {
  addDemand,
  addResiduals,
  advanceResidual,
  createResidual,
  demandNone,
  demandOf,
  noteUncovered,
  removeDemand,
  residualQuantile,
  residualShare,
  warmingTarget,
  type FunctionDemand,
} from "./index.ts";
import { residualCountMax } from "./residual.ts";

const share = fc.double({ min: 0, max: 1, noNaN: true });
const part = fc.record({ count: fc.integer({ min: 0, max: 16 }), degree: share, coverage: share });
const parts = fc.array(part, { maxLength: 20 });
const policies = fc
  .record({ floor: fc.nat(4), above: fc.nat(20), more: fc.nat(40) })
  .map(({ floor, above, more }) => ({ floor, base: floor + above, ceiling: floor + above + more }));

const sumOf = (all: readonly FunctionDemand[]) =>
  all.reduce((sum, one) => addDemand(sum, demandOf(one)), demandNone);
const targetOf = (all: readonly FunctionDemand[], residual = 0) =>
  warmingTarget({ demand: sumOf(all), residual });

const periodic = { count: 1, degree: 0.94, coverage: 1 };
const noisy = { count: 1, degree: 0.9, coverage: 0.5 };
const poisson = { count: 1, degree: 0, coverage: 0 };

describe("warming target", () => {
  it("is the base while nothing is learned, less with one function, still less with two", () => {
    assert.deepEqual(
      [[], [poisson], [poisson, poisson], [periodic], [periodic, periodic]].map((f) => targetOf(f)),
      [8, 8, 8, 5, 3],
    );
  });
  it("lies between with noise beside, or within, what was learned", () => {
    assert.equal(targetOf([periodic, poisson]), 6);
    assert.equal(targetOf([noisy]), 7);
  });
  it("is the base again when the degree has returned to 0", () => {
    assert.equal(targetOf([{ ...periodic, degree: 0 }]), 8);
  });
  it("covers the surprises of the recent past even where more was learned", () => {
    assert.equal(targetOf([periodic, periodic], 7), 7);
  });

  it("does not rise with a degree, a coverage, or covered calls added", () => {
    fc.assert(
      fc.property(parts, part, share, policies, (others, one, more, policy) => {
        const target = (all: readonly FunctionDemand[]) =>
          warmingTarget({ demand: sumOf(all), residual: 0 }, policy);
        const before = target([...others, one]);
        const degree = Math.max(one.degree, more);
        const coverage = Math.max(one.coverage, more);
        assert.ok(target([...others, { ...one, degree }]) <= before);
        assert.ok(target([...others, { ...one, coverage }]) <= before);
        const covered = { ...one, degree: 1, coverage: 1 };
        const further = { ...covered, count: covered.count + 1 };
        assert.ok(target([...others, further]) <= target([...others, covered]));
      }),
    );
  });
  it("does not rise with the count of functions of one degree, and falls below the base with enough of them", () => {
    fc.assert(
      fc.property(fc.nat(15), share, policies, (count, degree, policy) => {
        const target = (calls: number): number =>
          warmingTarget(
            { demand: sumOf([{ count: calls, degree, coverage: 1 }]), residual: 0 },
            policy,
          );
        assert.ok(target(count + 1) <= target(count));
        if (degree > 0.5 && policy.base > 2 * policy.floor + 2)
          assert.ok(target(100) < policy.base);
      }),
    );
  });
  it("does not fall with the surprises of the recent past", () => {
    fc.assert(
      fc.property(parts, fc.nat(60), fc.nat(60), policies, (all, residual, more, policy) => {
        const target = (surprises: number): number =>
          warmingTarget({ demand: sumOf(all), residual: surprises }, policy);
        assert.ok(target(residual + more) >= target(residual));
      }),
    );
  });
  it("does not cut at degree 0, at coverage 0 or at count 0", () => {
    fc.assert(
      fc.property(fc.array(part), policies, (all, policy) => {
        for (const without of [{ degree: 0 }, { coverage: 0 }, { count: 0 }]) {
          const demand = sumOf(all.map((one) => ({ ...one, ...without })));
          assert.equal(warmingTarget({ demand, residual: 0 }, policy), policy.base);
        }
      }),
    );
  });
  it("is an integer from floor to ceiling", () => {
    fc.assert(
      fc.property(parts, fc.nat(100), policies, (all, residual, policy) => {
        const target = warmingTarget({ demand: sumOf(all), residual }, policy);
        assert.ok(Number.isInteger(target) && target >= policy.floor && target <= policy.ceiling);
      }),
    );
  });
});

describe("demand", () => {
  it("cuts no call twice: a function's calls count the same whole or as parts, and no more than they are", () => {
    fc.assert(
      fc.property(part, fc.nat(16), (one, more) => {
        const whole = demandOf({ ...one, count: one.count + more });
        const apart = sumOf([one, { ...one, count: more }]);
        assert.equal(whole.neededMicro, apart.neededMicro);
        // Each part is rounded to a millionth of a VM.
        assert.ok(Math.abs(whole.uncoveredMicro - apart.uncoveredMicro) <= 1);
        assert.ok(0 <= whole.uncoveredMicro && whole.uncoveredMicro <= whole.neededMicro);
      }),
    );
  });
  it("is the same in any order, and without a part that was added and removed", () => {
    fc.assert(
      fc.property(parts, part, (all, one) => {
        assert.deepEqual(sumOf(all.toReversed()), sumOf(all));
        const without = removeDemand(addDemand(sumOf(all), demandOf(one)), demandOf(one));
        assert.deepEqual(without, sumOf(all));
      }),
    );
  });
});

describe("residual", () => {
  const windowMs = 2_000;
  it("is 0 without evidence and after silence", () => {
    assert.equal(residualQuantile([], residualShare), 0);
    const silent = advanceResidual(createResidual(windowMs, 0), 100 * windowMs);
    assert.equal(residualQuantile(silent.bins, residualShare), 0);
  });
  it("is what the busiest hundredth of windows had", () => {
    let residual = createResidual(windowMs, 0);
    for (let i = 0; i < 300; i += 1)
      residual = noteUncovered(residual, i * windowMs, i % 50 === 0 ? 5 : 1);
    residual = advanceResidual(residual, 300 * windowMs);
    assert.equal(residualQuantile(residual.bins, residualShare), 5);
    assert.equal(residualQuantile(residual.bins, 0.5), 1);
  });
  it("forgets", () => {
    const busy = noteUncovered(createResidual(windowMs, 0), 0, 9);
    assert.equal(residualQuantile(advanceResidual(busy, 10 * windowMs).bins, residualShare), 9);
    assert.equal(residualQuantile(advanceResidual(busy, 4_000 * windowMs).bins, residualShare), 0);
  });
  it("closes silent windows at once as it would one by one", () => {
    const start = noteUncovered(createResidual(windowMs, 0), 0, 3);
    let slowly = start;
    for (let i = 1; i <= 40; i += 1) slowly = advanceResidual(slowly, i * windowMs);
    const atOnce = advanceResidual(start, 40 * windowMs);
    assert.equal(atOnce.startAtMs, slowly.startAtMs);
    for (const [i, weight] of atOnce.bins.entries())
      assert.ok(Math.abs(weight - (slowly.bins[i] ?? 0)) < 1e-9);
  });
  it("adds shards as independent, and keeps to the largest count", () => {
    const sum = addResiduals([{ bins: [3, 1] }, { bins: [1, 1] }, { bins: [] }]);
    assert.deepEqual(sum, [0.375, 0.5, 0.125]);
    const most = { bins: [...Array.from({ length: residualCountMax }, () => 0), 1] };
    assert.equal(residualQuantile(addResiduals([most, most]), residualShare), residualCountMax);
  });
});
