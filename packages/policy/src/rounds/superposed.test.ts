/** Two periods in one function, and one among calls of chance, through the live policy. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { planPolicyDefault, policies, replayFunction } from "../index.ts";
import { createHistory, observe } from "../periodicity/index.ts";
import { seededRandom } from "../seeded-random.ts";
import { forecastSuperposed } from "./superposed.ts";

const minuteMs = 60_000;
const startMs = 1_763_000_007_531;
const settings = planPolicyDefault;

/** Up to 5 s late each. */
function clock(minutes: number, untilMs: number, random: () => number): number[] {
  const calls: number[] = [];
  const phaseMs = random() * minutes * minuteMs;
  for (let atMs = phaseMs; atMs < untilMs; atMs += minutes * minuteMs)
    calls.push(Math.round(startMs + atMs + random() * 5_000));
  return calls;
}

describe("several clocks at once", () => {
  for (const [one, other] of [
    [20, 33],
    [17, 23],
    [60, 95],
  ] as const)
    it(`of ${one} and ${other} minutes have 1 % cold starts at most, and idle a minute a call`, () => {
      const sums = { calls: 0, cold: 0, idleMs: 0 };
      for (const seed of [1, 2, 3]) {
        const random = seededRandom(seed);
        const untilMs = 200 * one * minuteMs;
        const calls = [...clock(one, untilMs, random), ...clock(other, untilMs, random)];
        calls.sort((a, b) => a - b);
        const found = replayFunction(calls, {
          policy: policies.learned,
          settings,
          prepareMs: 700,
          callMs: 300,
          scoreFromMs: calls[60] ?? 0,
          untilMs: calls.at(-1) ?? 0,
        });
        sums.calls += found.calls;
        sums.cold += found.cold;
        sums.idleMs += found.idleVmMs;
      }
      assert.ok(sums.cold <= sums.calls / 100, `${sums.cold} of ${sums.calls} cold`);
      assert.ok(sums.idleMs / sums.calls <= 60_000, `${sums.idleMs / sums.calls} ms idle a call`);
    });

  it("are told with both of their periods", () => {
    const random = seededRandom(5);
    const untilMs = 60 * 20 * minuteMs;
    const calls = [...clock(20, untilMs, random), ...clock(33, untilMs, random)];
    let record = policies.learned.createRecord(settings);
    for (const atMs of calls.sort((a, b) => a - b))
      record = policies.learned.noteArrival(record, settings, atMs);
    const nowMs = (calls.at(-1) ?? 0) + minuteMs;
    const { evidence, windows } = policies.learned.describe(record, settings, nowMs, 3);
    assert.match(evidence.join("; "), /every (1200 s and every 1980|1980 s and every 1200) s/);
    assert.equal(windows.length, 3);
  });

  it("are not seen where one comes among calls of chance, in 99 of 100 cases", () => {
    const seeds = 300;
    let found = 0;
    for (let seed = 0; seed < seeds; seed += 1) {
      const random = seededRandom(seed * 7919 + 17);
      const untilMs = 60 * 20 * minuteMs;
      const calls = clock(20, untilMs, random);
      for (let atMs = 0; atMs < untilMs; atMs += -Math.log(1 - random()) * 30 * minuteMs)
        calls.push(Math.round(startMs + atMs));
      calls.sort((a, b) => a - b);
      let history = createHistory();
      const isSeen = calls.some((atMs) => {
        history = observe(history, atMs);
        return forecastSuperposed(history, atMs, settings) !== undefined;
      });
      if (isSeen) found += 1;
    }
    assert.ok(found <= seeds / 100, `${found} of ${seeds}`);
  });
});
