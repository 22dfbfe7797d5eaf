import assert from "node:assert/strict";
import fc from "fast-check";

import { seededRandom } from "../seeded-random.ts";
import { CallHistory } from "./history.ts";
import { degreeOf, settle, settleQuiet, surpriseSaved } from "./skill.ts";
import {
  allowedSlots,
  createAccount,
  isCheaper,
  settleWarm,
  WarmRun,
  type WarmPolicy,
} from "./warm.ts";

const policy: WarmPolicy = {
  price: 0.01,
  stayShare: 0.5,
  bridgeSlots: 2,
  keepAliveSlots: 10,
  wasteFactorMax: 1.1,
};

describe("degree of periodicity", () => {
  it("nears 1 when forecasts are right, and is 0 when they only know the rate", () => {
    const clock = new CallHistory();
    const chance = new CallHistory();
    for (let slot = 0; slot < 1200; slot += 1) {
      settle(clock, slot % 30 === 0 ? 0.98 : 0.001, slot % 30 === 0);
      settle(chance, 1 / 30, slot % 30 === 0);
    }
    assert.ok(degreeOf(clock) > 0.9, `clock ${degreeOf(clock)}`);
    assert.ok(degreeOf(chance) < 0.05, `chance ${degreeOf(chance)}`);
  });

  it("is that of a clock for a call each day, whether or not any slot between was forecast", () => {
    const forecast = new CallHistory();
    const quiet = new CallHistory();
    for (let day = 0; day < 20; day += 1) {
      for (let slot = 1; slot < 1440; slot += 1) settle(forecast, 0, false);
      settleQuiet(quiet, 1439);
      for (const history of [forecast, quiet]) settle(history, 0.9, true);
    }
    assert.ok(degreeOf(forecast) > 0.9, `${degreeOf(forecast)}`);
    assert.ok(Math.abs(degreeOf(forecast) - degreeOf(quiet)) < 0.01, `${degreeOf(quiet)}`);
  });

  it("sees a call each day among others that nothing says are due", () => {
    const random = seededRandom(5);
    const history = new CallHistory();
    let least = Number.POSITIVE_INFINITY;
    for (let day = 0; day < 30; day += 1) {
      for (let slot = 0; slot < 1440; slot += 1) {
        const isDaily = slot === 720;
        const isHit = isDaily || random() < 5 / 1440;
        if (isDaily || isHit) settle(history, isDaily ? 0.9 : 0, isHit);
        else settleQuiet(history, 1);
      }
      if (day >= 10) least = Math.min(least, surpriseSaved(history));
    }
    assert.ok(least > 5, `${least}`);
  });

  it("falls when expected calls stay away", () => {
    const history = new CallHistory();
    for (let slot = 0; slot < 600; slot += 1)
      settle(history, slot % 30 === 0 ? 0.98 : 0.001, slot % 30 === 0);
    const before = degreeOf(history);
    for (let miss = 0; miss < 4; miss += 1) settle(history, 0.98, false);
    assert.ok(degreeOf(history) < before / 1.2, `${before} to ${degreeOf(history)}`);
  });

  it("is the same whether quiet slots are settled together or one by one", () => {
    const together = new CallHistory();
    const single = new CallHistory();
    for (const history of [together, single])
      for (let slot = 0; slot < 90; slot += 1) settle(history, 0.1, slot % 9 === 0);
    settleQuiet(together, 20_005);
    for (let slot = 0; slot < 20_005; slot += 1) settleQuiet(single, 1);
    assert.equal(together.slotsSettled, single.slotsSettled);
    assert.ok(Math.abs(together.rateLoss - single.rateLoss) < 1e-9);
    assert.ok(Number.isFinite(together.rateLoss));
  });

  it("does not pay long for what the forecasts did not know at first", () => {
    const history = new CallHistory();
    const isCalled = (slot: number): boolean => slot % 300 === 0;
    for (let slot = 0; slot < 1200; slot += 1) settle(history, 0.3, isCalled(slot));
    let calls = 0;
    for (let slot = 0; surpriseSaved(history) < 5 && slot < 30_000; slot += 1) {
      settle(history, isCalled(slot) ? 0.5 : 0.001, isCalled(slot));
      if (isCalled(slot)) calls += 1;
    }
    assert.ok(calls <= 3, `${calls} calls`);
  });

  it("moves the bias towards what happens", () => {
    const history = new CallHistory();
    for (let slot = 0; slot < 500; slot += 1) settle(history, 0.1, slot % 4 === 0);
    assert.ok(history.bias > 0.5);
  });
});

/** What the run decides of the slots, of which those in `likely` have that probability. */
function decided(run: WarmRun, slots: number, likely: ReadonlyMap<number, number>): number[] {
  const on: number[] = [];
  for (let slot = 1; slot <= slots; slot += 1)
    if (run.next({ probability: (more) => likely.get(slot + more) ?? 0 })) on.push(slot);
  return on;
}

describe("warm while worth the price", () => {
  it("bridges a short pause only while on, and is loaded ahead only where the forecast is followed", () => {
    const likely = new Map([3, 9].map((slot) => [slot, 0.5] as const));
    assert.deepEqual(decided(new WarmRun("follow", policy, 99), 12, likely), [1, 2, 3, 9]);
    assert.deepEqual(decided(new WarmRun("stay", policy, 99), 12, likely), [1, 2, 3]);
    assert.deepEqual(decided(new WarmRun("keep", policy, 99), 12, likely), range(1, 10));
    const late = new Map([[11, 0.5]]);
    assert.deepEqual(decided(new WarmRun("stay", policy, 99), 12, late), []);
    assert.deepEqual(decided(new WarmRun("keep", policy, 99), 12, late), range(1, 11));
  });

  it("waits at most as long as it may, and for every slot at least as often at a lower price", () => {
    const arbitrary = fc.record({
      path: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 40, maxLength: 40 }),
      price: fc.double({ min: 0.001, max: 0.9, noNaN: true }),
      cheaper: fc.double({ min: 0.1, max: 1, noNaN: true }),
      allowed: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ path, price, cheaper, allowed }) => {
        const likely = new Map(path.map((probability, i) => [i + 1, probability] as const));
        const at = (cost: number, most: number): number[] =>
          decided(new WarmRun("follow", { ...policy, price: cost }, most), 36, likely);
        assert.ok(at(price, allowed).length <= allowed);
        const dear = at(price, 99);
        const cheap = new Set(at(price * cheaper, 99));
        assert.ok(dear.every((slot) => cheap.has(slot)));
      }),
    );
  });

  it("is let only where it would have cost less than the keep-alive on the same calls", () => {
    const far = createAccount();
    const near = createAccount();
    for (let slot = 1; slot <= 30; slot += 1) {
      const isHit = slot === 30;
      settleWarm(far, policy, { isPlanned: slot > 25, isWanted: slot > 25, age: slot, isHit });
      if (slot <= 9) {
        const soon = slot === 9;
        settleWarm(near, policy, { isPlanned: true, isWanted: false, age: slot, isHit: soon });
      }
    }
    assert.ok(isCheaper(far));
    assert.ok(!isCheaper(near));
    assert.ok(allowedSlots(far, policy) > 1.1 * policy.keepAliveSlots);
    assert.ok(allowedSlots(near, policy) < 1.2 * policy.keepAliveSlots);
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
