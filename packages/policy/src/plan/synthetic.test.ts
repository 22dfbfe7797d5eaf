/** Clocks that waver, drop ticks and strike often, and calls of chance, through the live policy. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { planPolicyDefault, policies, replayFunction } from "../index.ts";
import { seededRandom } from "../seeded-random.ts";

const minuteMs = 60_000;
/** Late in a minute: at its start a log in whole minutes has every call, whenever in the minute it came. */
const startMs = 1_763_000_000_000 + 39_417;
const learnedFrom = 6;
const periodsMs = [15, 60, 120].map((minutes) => minutes * minuteMs);
const seeds = 4;

interface Figures {
  readonly coldShare: number;
  readonly idleMsPerCall: number;
  readonly readyShare: number;
  readonly loadsPerCall: number;
}

function clock(periodMs: number, jitterMs: number, dropped: number, seed: number): number[] {
  const random = seededRandom(seed * 7919 + 13 + periodMs);
  const calls: number[] = [];
  for (let tick = 0; tick < 60; tick += 1) {
    const isDropped = random() < dropped;
    const atMs = startMs + tick * periodMs + Math.round(random() * jitterMs);
    if (!isDropped) calls.push(atMs);
  }
  return calls;
}

function replayed(jitterMs: number, dropped = 0, of = periodsMs): Figures {
  const sums = { calls: 0, cold: 0, idleMs: 0, predicted: 0, ready: 0, loads: 0 };
  for (const periodMs of of)
    for (let seed = 1; seed <= seeds; seed += 1) {
      const calls = clock(periodMs, jitterMs, dropped, seed);
      const found = replayFunction(calls, {
        policy: policies.learned,
        settings: planPolicyDefault,
        prepareMs: 700,
        callMs: 300,
        scoreFromMs: calls[learnedFrom] ?? 0,
        untilMs: calls.at(-1) ?? 0,
        onStart: (start, _, waitedMs) => {
          if (start !== "predicted") return;
          sums.predicted += 1;
          if (waitedMs >= 1_000 && waitedMs <= 10_000) sums.ready += 1;
        },
      });
      sums.calls += found.calls;
      sums.cold += found.cold;
      sums.idleMs += found.idleVmMs;
      sums.loads += found.loads;
    }
  return {
    coldShare: sums.cold / sums.calls,
    idleMsPerCall: sums.idleMs / sums.calls,
    readyShare: sums.ready / sums.predicted,
    loadsPerCall: sums.loads / sums.calls,
  };
}

describe("clocks", () => {
  for (const jitterMs of [0, 50, 2_000, 5_000, 15_000])
    it(`that waver by ${jitterMs / 1_000} s have 1 % cold starts after six calls, and idle a minute a call, at most`, () => {
      const { coldShare, idleMsPerCall, readyShare } = replayed(jitterMs);
      assert.ok(coldShare <= 0.01, `${coldShare} cold`);
      assert.ok(idleMsPerCall <= 60_000, `${idleMsPerCall} ms`);
      if (jitterMs <= 5_000) assert.ok(readyShare >= 0.95, `${readyShare} ready 1 to 10 s before`);
    });

  it("that drop a tick in five have 5 % cold starts at most", () => {
    const { coldShare, idleMsPerCall } = replayed(15_000, 0.2);
    assert.ok(coldShare <= 0.05, `${coldShare} cold`);
    assert.ok(idleMsPerCall <= 60_000, `${idleMsPerCall} ms`);
  });

  it("that strike every minute keep their VM", () => {
    const { coldShare, loadsPerCall } = replayed(500, 0, [minuteMs]);
    assert.equal(coldShare, 0);
    assert.ok(loadsPerCall <= 0.05, `${loadsPerCall} loads a call`);
  });
});

describe("a clock that stops", () => {
  it("is waited for no longer than the keep-alive would", () => {
    for (const periodMs of periodsMs) {
      const calls = clock(periodMs, 5_000, 0, 3).slice(0, 30);
      const lastMs = (calls.at(-1) ?? 0) + 1;
      const { idleVmMs } = replayFunction(calls, {
        policy: policies.learned,
        settings: planPolicyDefault,
        prepareMs: 700,
        callMs: 300,
        scoreFromMs: lastMs,
        untilMs: lastMs + 40 * periodMs,
      });
      assert.ok(idleVmMs <= planPolicyDefault.keepAliveMs, `${periodMs}: ${idleVmMs} ms`);
    }
  });
});

describe("calls of chance", () => {
  it("are called periodic in fewer than 1 % of cases", () => {
    const cases = 200;
    let found = 0;
    for (let seed = 0; seed < cases; seed += 1) {
      const random = seededRandom(seed * 7919 + 13);
      let record = policies.learned.createRecord(planPolicyDefault);
      let atMs = startMs;
      for (let call = 0; call < 30; call += 1) {
        atMs += Math.floor(-Math.log(1 - random()) * 20 * minuteMs);
        record = policies.learned.noteArrival(record, planPolicyDefault, atMs);
        const decision = policies.learned.decide(
          record,
          planPolicyDefault,
          { idleVmCount: 0 },
          atMs,
        );
        if (decision.degree === 0) continue;
        found += 1;
        break;
      }
    }
    assert.ok(found < cases / 100, `${found} of ${cases}`);
  });
});
