/** What is prepared, kept and released for one function, and when a shard looks at it again. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { seededRandom } from "../seeded-random.ts";
import {
  createRecord,
  decide,
  functionDemand,
  leadMs,
  noteArrival,
  notePrewarmed,
  planPolicyDefault,
  type FunctionRecord,
} from "./index.ts";

const policy = planPolicyDefault;
const minuteMs = 60_000;
const periodMs = 30 * minuteMs;
const noIdle = { idleVmCount: 0 };

function called(calls: readonly number[], weight = 1): FunctionRecord {
  return calls.reduce(
    (record, atMs) => noteArrival(record, policy, atMs, weight),
    createRecord(policy),
  );
}
const ticking = (count: number, everyMs = periodMs): number[] =>
  Array.from({ length: count }, (_, i) => (i + 1) * everyMs);

const record = called(ticking(8));
const lastMs = 8 * periodMs;
const dueMs = 9 * periodMs;

describe("plan", () => {
  it("keeps an aperiodic function for the keep-alive and pre-warms nothing", () => {
    const calls = [0, 3, 4, 11, 12, 30, 31, 45].map((minute) => minute * minuteMs);
    const nowMs = 45 * minuteMs;
    const decision = decide(called(calls), policy, noIdle, nowMs);
    assert.equal(decision.degree, 0);
    assert.equal(decision.prewarm, undefined);
    assert.equal(decision.keepUntilMs, nowMs + policy.keepAliveMs);
  });

  it("releases soon after the call when the next is far", () => {
    const { keepUntilMs } = decide(record, policy, noIdle, lastMs);
    assert.ok(keepUntilMs > lastMs && keepUntilMs <= lastMs + 5_000);
  });

  it("has the VM ready before the window, with time for a slow preparation", () => {
    const { prewarm, nextWakeAtMs } = decide(record, policy, noIdle, lastMs);
    assert.ok(prewarm);
    assert.ok(prewarm.windowStartAtMs <= dueMs && dueMs <= prewarm.windowEndAtMs);
    assert.equal(prewarm.windowStartAtMs - prewarm.startAtMs, leadMs(policy));
    assert.ok(prewarm.startAtMs + policy.prepareP95Ms <= prewarm.readyByMs);
    assert.ok(prewarm.readyByMs < prewarm.windowStartAtMs);
    assert.ok(prewarm.windowEndAtMs < prewarm.releaseAtMs);
    assert.equal(nextWakeAtMs, prewarm.startAtMs);
  });

  it("has it ready later where the last calls would come more than 10 s after that, by half of the margin", () => {
    const marginMs = leadMs(policy) - policy.prepareP95Ms;
    const earlyMs = (spreadMs: number): number => {
      const random = seededRandom(4);
      const calls = ticking(40).map((atMs) => atMs + Math.floor(random() * spreadMs));
      const { prewarm } = decide(called(calls), policy, noIdle, 40 * periodMs + spreadMs);
      assert.ok(prewarm);
      assert.equal(prewarm.readyByMs - prewarm.startAtMs, policy.prepareP95Ms);
      return prewarm.windowStartAtMs - prewarm.readyByMs;
    };
    assert.deepEqual([5_000, 14_000, 45_000].map(earlyMs), [marginMs, marginMs / 2, marginMs]);
  });

  it("orders as many VMs as calls come at once, less those that idle", () => {
    const burst = called(ticking(8), 3);
    assert.equal(decide(burst, policy, noIdle, lastMs).prewarm?.orderCount, 3);
    const two = decide(burst, policy, { idleVmCount: 2 }, lastMs).prewarm;
    assert.deepEqual([two?.count, two?.orderCount], [3, 1]);
    assert.equal(decide(called(ticking(8), 50), policy, noIdle, lastMs).prewarm?.count, 16);
  });

  it("keeps a VM through the next window when that is near", () => {
    const everyMs = 4_000;
    const often = called(ticking(40, everyMs));
    const { keepUntilMs } = decide(often, policy, { idleVmCount: 1 }, 40 * everyMs);
    assert.ok(keepUntilMs > 41 * everyMs && keepUntilMs < 42 * everyMs);
  });

  it("keeps a VM rather than load another one within the minute", () => {
    const everyMs = minuteMs;
    const often = called(ticking(40, everyMs));
    const { keepUntilMs } = decide(often, policy, { idleVmCount: 1 }, 40 * everyMs);
    assert.ok(keepUntilMs > 41 * everyMs && keepUntilMs < 42 * everyMs);
  });

  it("keeps a VM for the keep-alive where the next window is near and calls come beside windows", () => {
    const random = seededRandom(7);
    let known = createRecord(policy);
    let kept = 0;
    for (const tickMs of ticking(300, minuteMs)) {
      const isTwice = random() < 0.2;
      const calls = isTwice ? [random() * 30_000, 30_000 + random() * 30_000] : [0];
      for (const offMs of calls) {
        const atMs = Math.round(tickMs + offMs);
        known = noteArrival(known, policy, atMs);
        const { forecast, keepUntilMs } = decide(known, policy, { idleVmCount: 1 }, atMs);
        if (forecast === undefined || forecast.coverage >= 0.9) continue;
        kept += 1;
        assert.ok(keepUntilMs >= atMs + policy.keepAliveMs, `at ${atMs}`);
      }
    }
    assert.ok(kept > 20, `${kept} such calls`);
  });

  it("has the VM ready within ten seconds of a call whose clock wavers by seconds", () => {
    const random = seededRandom(5);
    const wavering = ticking(16).map((atMs) => atMs + Math.round(random() * 3_000));
    const next = decide(called(wavering), policy, noIdle, 16 * periodMs + 5_000).prewarm;
    assert.ok(next);
    const dueAtMs = 17 * periodMs;
    assert.ok(next.readyByMs <= dueAtMs - 1_000 && next.readyByMs >= dueAtMs - 7_000);
    assert.ok(next.releaseAtMs >= dueAtMs + 3_000);
  });

  it("never pre-warms a window twice, and looks again when it has passed", () => {
    const first = decide(record, policy, noIdle, lastMs).prewarm;
    assert.ok(first);
    const after = notePrewarmed(record, first);
    for (const nowMs of [first.startAtMs, dueMs, first.windowEndAtMs]) {
      const decision = decide(after, policy, noIdle, nowMs);
      assert.equal(decision.prewarm, undefined);
      assert.ok((decision.nextWakeAtMs ?? 0) > first.windowEndAtMs);
    }
    const called = noteArrival(after, policy, dueMs);
    const next = decide(called, policy, noIdle, dueMs).prewarm;
    assert.ok(next && next.windowStartAtMs > first.windowEndAtMs);
  });

  it("waits at the next windows after misses with a falling degree, then gives up", () => {
    let waiting = record;
    let nowMs = lastMs;
    const degrees: number[] = [];
    for (let step = 0; step < 20; step += 1) {
      const decision = decide(waiting, policy, noIdle, nowMs);
      degrees.push(decision.degree);
      if (decision.prewarm !== undefined && decision.prewarm.startAtMs <= nowMs)
        waiting = notePrewarmed(waiting, decision.prewarm);
      if (decision.nextWakeAtMs === undefined) break;
      assert.ok(decision.nextWakeAtMs > nowMs, "time goes on");
      nowMs = decision.nextWakeAtMs;
    }
    assert.equal(degrees.at(-1), 0);
    assert.deepEqual(
      degrees.toSorted((a, b) => b - a),
      degrees,
    );
    assert.ok(new Set(degrees).size >= 4, String(degrees));
    assert.ok(nowMs < lastMs + 6 * periodMs);
    assert.equal(decide(waiting, policy, noIdle, nowMs).keepUntilMs, nowMs + policy.keepAliveMs);
  });

  it("still prepares when it looks late, but not for a window that is as good as over", () => {
    const inside = decide(record, policy, noIdle, dueMs).prewarm;
    assert.equal(inside?.startAtMs, dueMs);
    const over = decide(record, policy, noIdle, (inside?.windowEndAtMs ?? 0) - 1);
    assert.equal(over.prewarm, undefined);
  });

  it("risks no more idle time on one window than its cap", () => {
    const capped = { ...policy, prewarmIdleMaxVmMs: 20_000 };
    const { prewarm } = decide(called(ticking(8), 10), capped, noIdle, lastMs);
    assert.ok(prewarm && prewarm.count < 10);
    assert.ok(prewarm.count * (prewarm.releaseAtMs - prewarm.readyByMs) <= 20_000);
  });

  it("is plain data", () => {
    assert.deepEqual(JSON.parse(JSON.stringify(record)), record);
  });
});

describe("functionDemand", () => {
  it("leaves calls to the generic pool whose window is not worth a waiting VM", () => {
    const cheap = { ...policy, coldStartCostVmMs: 1 };
    assert.equal(decide(record, cheap, noIdle, lastMs).prewarm, undefined);
    assert.deepEqual(functionDemand(record, cheap, lastMs), { count: 1, degree: 0, coverage: 0 });
    assert.ok(functionDemand(record, policy, lastMs).degree > 0);
  });

  it("is the VMs needed at once, covered by the forecast", () => {
    const { count, degree, coverage } = functionDemand(called(ticking(8), 3), policy, lastMs);
    assert.equal(count, 3);
    assert.ok(degree > 0.8 && coverage === 1);
  });
  it("has no cover for an aperiodic function, and ends some gaps after its last call", () => {
    const calls = [0, 1, 3, 4, 9].map((minute) => minute * minuteMs);
    const noise = called(calls);
    const nowMs = 9 * minuteMs;
    assert.deepEqual(functionDemand(noise, policy, nowMs), { count: 1, degree: 0, coverage: 0 });
    const endMs = decide(noise, policy, noIdle, nowMs).nextWakeAtMs ?? 0;
    assert.ok(endMs > nowMs);
    assert.equal(functionDemand(noise, policy, endMs).count, 0);
    assert.equal(decide(noise, policy, noIdle, endMs).nextWakeAtMs, undefined);
  });
});
