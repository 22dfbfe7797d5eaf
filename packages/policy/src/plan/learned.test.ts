/** Where no fixed period is found: what is learned by slots is acted upon, and chance is left alone. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { planPolicyDefault, policies, replayFunction } from "../index.ts";
import type { FunctionReplay } from "../index.ts";
import { seededRandom } from "../seeded-random.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

function replayed(
  callsAtMs: readonly number[],
  policy: keyof typeof policies,
  scoreFromMs: number,
): FunctionReplay & { readonly isEverExpected: boolean } {
  let isEverExpected = false;
  const replay = replayFunction(callsAtMs, {
    policy: policies[policy],
    settings: planPolicyDefault,
    prepareMs: 500,
    callMs: 100,
    scoreFromMs,
    untilMs: (callsAtMs.at(-1) ?? 0) + 1,
    // A fixed period that chance suggests is held to account where periods are found.
    onDecision: ({ degree, forecast, prewarm }) => {
      if (forecast === undefined && (degree > 0 || prewarm !== undefined)) isEverExpected = true;
    },
  });
  return { ...replay, isEverExpected };
}

describe("learned plan", () => {
  it("expects nothing of calls without memory, and idles little more than the keep-alive", () => {
    for (const [meanMinutes, seeds] of [
      [5, 12],
      [20, 30],
      [60, 12],
    ] as const) {
      let idleMs = 0;
      let fixedMs = 0;
      for (let seed = 1; seed <= seeds; seed += 1) {
        const random = seededRandom(seed * 7919);
        const calls: number[] = [];
        for (let i = 0, atMs = 0; i < 40; i += 1) {
          atMs += -Math.log(1 - random()) * meanMinutes * minuteMs;
          calls.push(atMs);
        }
        const learned = replayed(calls, "learned", 0);
        assert.equal(learned.isEverExpected, false, `mean ${meanMinutes}, seed ${seed}`);
        idleMs += learned.idleVmMs;
        fixedMs += replayed(calls, "fixed", 0).idleVmMs;
      }
      assert.ok(idleMs <= 1.1 * fixedMs, `mean ${meanMinutes}: ${(idleMs / fixedMs).toFixed(3)}`);
    }
  });

  it("learns three times a day, which have no fixed period", () => {
    const calls = Array.from({ length: 14 }, (_, day) =>
      [9 * 60, 9 * 60 + 20, 13 * 60].map(
        (minute) => day * dayMs + minute * minuteMs + ((day * 7) % 5) * 2_000,
      ),
    ).flat();
    const learned = replayed(calls, "learned", 7 * dayMs);
    const periodic = replayed(calls, "periodic", 7 * dayMs);
    assert.ok(periodic.cold >= 0.6 * periodic.calls, `${periodic.cold} of ${periodic.calls}`);
    assert.ok(learned.cold <= 0.2 * learned.calls, `${learned.cold} of ${learned.calls}`);
    assert.ok(learned.idleVmMs <= 1.1 * replayed(calls, "fixed", 7 * dayMs).idleVmMs);
  });

  it("keeps the VM of a function called each minute, and is not asked for each call", () => {
    const policy = policies.learned;
    const settings = planPolicyDefault;
    const firstMs = 1_763_000_017_000;
    let record = policy.createRecord(settings);
    for (let i = 0; i < 40; i += 1)
      record = policy.noteArrival(record, settings, firstMs + i * minuteMs);
    const calledMs = firstMs + 39 * minuteMs;
    const atCall = policy.decide(record, settings, { idleVmCount: 0 }, calledMs);
    const orderAtMs = atCall.nextWakeAtMs ?? 0;
    assert.equal(atCall.holdsUntilMs, undefined);
    assert.ok(orderAtMs > calledMs && orderAtMs < calledMs + minuteMs);

    const missing = policy.decide(record, settings, { idleVmCount: 0 }, orderAtMs);
    assert.equal(missing.prewarm?.orderCount, 1);
    assert.equal(missing.holdsUntilMs, undefined);

    const held = policy.decide(record, settings, { idleVmCount: 1 }, orderAtMs);
    const { holdsUntilMs = 0, nextWakeAtMs = 0 } = held;
    assert.ok(held.degree > 0.9);
    assert.equal(held.prewarm, undefined);
    assert.equal(held.keepUntilMs, orderAtMs + settings.keepAliveMs);
    assert.ok(holdsUntilMs > calledMs + 4 * minuteMs && holdsUntilMs <= calledMs + 5 * minuteMs);
    assert.ok(nextWakeAtMs > holdsUntilMs);

    // No call has come any more: the period has ended.
    const ended = policy.decide(record, settings, { idleVmCount: 1 }, nextWakeAtMs);
    assert.deepEqual([ended.degree, ended.prewarm, ended.holdsUntilMs], [0, undefined, undefined]);
  });

  it("looks seldomer at a function called in each minute at any instant, while it is", () => {
    const policy = policies.learned;
    const settings = planPolicyDefault;
    const random = seededRandom(3);
    const holds: number[] = [];
    let record = policy.createRecord(settings);
    for (let minute = 0; minute < 60; minute += 1) {
      const atMs = 1_763_000_040_000 + (minute + random() * 0.9) * minuteMs;
      record = policy.noteArrival(record, settings, atMs);
      const facts = { idleVmCount: 0 };
      const { holdsUntilMs = 0, keepUntilMs } = policy.decide(record, settings, facts, atMs);
      if (minute > 32) assert.equal(keepUntilMs, atMs + settings.keepAliveMs);
      const beganMs = Math.floor(atMs / minuteMs) * minuteMs;
      holds.push((holdsUntilMs - beganMs) / minuteMs);
    }
    assert.ok(holds.slice(0, 32).every((slots) => slots <= 1));
    assert.ok(holds.slice(33).every((slots) => slots === 5));
  });
});
