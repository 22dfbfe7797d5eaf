/** The plan over real calls (examples/traces) and over calls without a pattern, under a virtual clock. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "mocha";
import { seededRandom } from "../seeded-random.ts";
import { policies, type FunctionPolicy } from "../function-policy.ts";
import { planPolicyDefault } from "../plan/index.ts";
import { replayFunction, type FunctionReplay, type Start } from "./index.ts";

interface Row {
  readonly id: string;
  readonly minutes: readonly number[];
  readonly counts: readonly number[];
}

const excerpt = new URL("../../../../examples/traces/excerpt.jsonl", import.meta.url);
const rows = readFileSync(excerpt, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);
const aperiodic = new Set(["az0203", "az0741", "az0175"]);
const minutesTotal = 120;

function replay(
  callsAtMs: readonly number[],
  speed: number,
  untilMs: number,
): FunctionReplay & { readonly starts: readonly Start[] } {
  const starts: Start[] = [];
  const settings = { ...planPolicyDefault, keepAliveMs: 600_000 / speed, prepareP95Ms: 300 };
  const replayed = replayFunction(callsAtMs, {
    policy: policies.learned,
    settings,
    prepareMs: 300,
    callMs: 50,
    untilMs,
    onStart: (start) => starts.push(start),
  });
  return { ...replayed, starts };
}

const callsOf = ({ minutes, counts }: Row, slotMs: number): number[] =>
  minutes.flatMap((minute, i) => Array.from({ length: counts[i] ?? 0 }, () => minute * slotMs));

/** Idle VM time of a fixed keep-alive when calls never overlap. */
function fixedIdleMs(callsAtMs: readonly number[], keepAliveMs: number, untilMs: number): number {
  return callsAtMs.reduce((sum, atMs, i) => {
    const gapMs = (callsAtMs[i + 1] ?? untilMs) - atMs;
    return sum + Math.min(gapMs, keepAliveMs);
  }, 0);
}

describe("replayed plan", () => {
  for (const speed of [1, 60]) {
    const slotMs = 60_000 / speed;
    const results = rows.map((row) => ({
      row,
      ...replay(callsOf(row, slotMs), speed, minutesTotal * slotMs),
    }));

    it(`at ${speed} ×: calls with a period start predicted or warm from the sixth tick on`, () => {
      let calls = 0;
      let good = 0;
      for (const { row, starts } of results.filter(({ row }) => !aperiodic.has(row.id))) {
        const five = row.counts.slice(0, 5).reduce((a, b) => a + b, 0);
        calls += starts.slice(five).length;
        good += starts.slice(five).filter((start) => start !== "cold").length;
      }
      assert.ok(calls > 200, `${calls} calls`);
      assert.ok(good / calls >= 0.95, `${good} of ${calls}`);
    });

    it(`at ${speed} ×: calls without a period are never pre-warmed`, () => {
      for (const { row, loads, cold, starts } of results)
        if (aperiodic.has(row.id)) {
          assert.equal(loads, cold, row.id);
          assert.ok(!starts.includes("predicted"), row.id);
        }
    });
  }

  it("idles less than the fixed keep-alive for every row with a period, on fewer cold starts", () => {
    const period15 = rows.find((row) => row.id === "az0153");
    assert.ok(period15);
    const untilMs = minutesTotal * 60_000;
    const calls = callsOf(period15, 60_000);
    const { starts, idleVmMs } = replay(calls, 1, untilMs);
    assert.equal(starts.filter((start) => start === "cold").length, 4);
    assert.ok(idleVmMs < 0.8 * fixedIdleMs(calls, 600_000, untilMs));
  });

  it("idles at most 1.1 times the fixed keep-alive, whatever the calls do", function () {
    this.timeout(60_000);
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = seededRandom(seed);
      const calls: number[] = [];
      let atMs = 0;
      let everyMs = 0;
      // Half of the seeds turn periodic and aperiodic by turns: the plan is misled again and again.
      for (let i = 0; i < 60; i += 1) {
        if (i % 12 === 0) everyMs = (5 + random() * 55) * 60_000;
        const isSteady = seed % 2 === 0 && i % 12 < 8;
        atMs += Math.max(1_000, isSteady ? everyMs : -Math.log(1 - random()) * everyMs);
        calls.push(atMs);
      }
      const untilMs = atMs + 3_600_000;
      const ratio = replay(calls, 1, untilMs).idleVmMs / fixedIdleMs(calls, 600_000, untilMs);
      assert.ok(ratio <= 1.1, `seed ${seed}: ${ratio.toFixed(3)}`);
    }
  });

  it("gives the same figures for the same calls", () => {
    const calls = rows.slice(0, 1).flatMap((row) => callsOf(row, 1_000));
    assert.deepEqual(replay(calls, 60, 130_000), replay(calls, 60, 130_000));
  });
});

describe("replayed pre-warm that is due at a call", () => {
  const settings = planPolicyDefault;
  /** Asks for one idle VM at each call, to be ready `inMs` after it. */
  const asking = (inMs: number): FunctionPolicy => ({
    ...policies.fixed,
    decide: (record, policy, { idleVmCount }, nowMs) => {
      const decision = policies.fixed.decide(record, policy, { idleVmCount }, nowMs);
      const calledAtMs = record.history.ticks.at(-1)?.atMs ?? 0;
      const readyByMs = calledAtMs + inMs;
      const prewarm = {
        startAtMs: nowMs,
        readyByMs,
        count: 1,
        orderCount: 1 - Math.min(1, idleVmCount),
        windowStartAtMs: readyByMs,
        windowEndAtMs: readyByMs + 1_000,
        releaseAtMs: readyByMs + 1_000,
      };
      return nowMs > readyByMs ? decision : { ...decision, prewarm };
    },
  });
  const loads = (inMs: number, callMs: number): number =>
    replayFunction([0, 60_000, 120_000], {
      policy: asking(inMs),
      settings,
      prepareMs: 1_000,
      callMs,
      untilMs: 180_000,
    }).loads;

  it("waits until the call's own VM can be idle again, as a shard does", () => {
    assert.equal(loads(20_000, 100), 1 + 1);
  });

  it("is ordered at once where it would be too late after that, or the call lasts longer", () => {
    assert.equal(loads(1_100, 100), 1 + 3);
  });
});
