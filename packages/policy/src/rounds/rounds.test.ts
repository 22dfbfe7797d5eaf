/** Calls that come again at times of the day, of the week, of the hour, through the live policy. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { planPolicyDefault, policies, replayFunction } from "../index.ts";
import { createMemory, rememberCalls } from "../model/memory.ts";
import { createHistory, observe } from "../periodicity/index.ts";
import { seededRandom } from "../seeded-random.ts";
import { forecastRounds } from "./forecast-rounds.ts";

const minuteMs = 60_000;
const dayMs = 1_440 * minuteMs;
const mondayMs = Date.UTC(2026, 1, 2);
const phases = [9 * 60, 9 * 60 + 20, 10 * 60];
const policy = policies.learned;
const settings = planPolicyDefault;

interface Timetable {
  readonly days: number;
  readonly times: readonly number[];
  readonly isOn?: (day: number) => boolean;
  readonly count?: number;
}

/** Up to 5 s late each. */
function calls({ days, times, isOn = () => true, count = 1 }: Timetable, seed: number): number[] {
  const random = seededRandom(seed);
  const found: number[] = [];
  for (let day = 0; day < days; day += 1)
    for (const minute of isOn(day) ? times : []) {
      const atMs = mondayMs + day * dayMs + minute * minuteMs + Math.round(random() * 5_000);
      for (let n = 0; n < count; n += 1) found.push(atMs);
    }
  return found.sort((a, b) => a - b);
}

function replayed(callsAtMs: readonly number[], scoreFromMs: number, untilMs?: number) {
  const options = { policy, settings, prepareMs: 700, callMs: 300, scoreFromMs };
  return replayFunction(callsAtMs, { ...options, untilMs: untilMs ?? callsAtMs.at(-1) ?? 0 });
}

describe("calls at the same times again", () => {
  const every20 = Array.from({ length: 25 }, (_, n) => 9 * 60 + n * 20);
  const isWorkday = (day: number): boolean => day % 7 < 5;
  const cases: [string, Timetable, number][] = [
    ["09:00, 09:20 and 10:00, from the third day on", { days: 14, times: phases }, 2],
    ["the same, 3 calls at once", { days: 14, times: phases, count: 3 }, 2],
    ["on weekdays, from the third day on", { days: 21, times: phases, isOn: isWorkday }, 2],
    ["every 20 minutes from 9 to 17, from the fourth day on", { days: 8, times: every20 }, 3],
    [
      "on Mondays, from the third on",
      { days: 42, times: phases, isOn: (day) => day % 7 === 0 },
      14,
    ],
    [
      "at 0 and 20 past each hour, from the second day on",
      { days: 4, times: Array.from({ length: 48 }, (_, n) => 30 * n - 10 * (n % 2)) },
      1,
    ],
  ];
  for (const [name, table, fromDay] of cases)
    it(`${name}: hardly a cold start, and little waiting`, () => {
      const sums = { calls: 0, cold: 0, idleMs: 0 };
      for (const seed of [1, 2, 3]) {
        const found = replayed(calls(table, seed), mondayMs + fromDay * dayMs);
        sums.calls += found.calls;
        sums.cold += found.cold;
        sums.idleMs += found.idleVmMs;
      }
      assert.ok(sums.calls > 20);
      assert.ok(sums.cold <= sums.calls / 100, `${sums.cold} of ${sums.calls} cold`);
      assert.ok(sums.idleMs / sums.calls <= 20_000, `${sums.idleMs / sums.calls} ms idle a call`);
    });

  it("are waited for no longer than a keep-alive once they have ended", () => {
    for (const table of [
      { days: 21, times: phases },
      { days: 33, times: phases, isOn: isWorkday },
      { days: 8, times: Array.from({ length: 24 }, (_, hour) => hour * 60) },
    ]) {
      const found = calls(table, 5);
      const lastMs = (found.at(-1) ?? 0) + 1;
      const { idleVmMs } = replayed(found, lastMs, lastMs + 40 * dayMs);
      assert.ok(idleVmMs <= settings.keepAliveMs, `${idleVmMs} ms`);
    }
  });

  it("are not taken for the same where several come at any instant of a minute", () => {
    const found: number[] = [];
    const random = seededRandom(3);
    for (let atMs = mondayMs; atMs < mondayMs + dayMs; atMs += 5 * minuteMs)
      for (let n = 0; n < 2; n += 1) found.push(atMs + Math.round(random() * minuteMs));
    found.sort((a, b) => a - b);
    const { calls: count, cold } = replayed(found, mondayMs + dayMs / 3);
    assert.ok(cold <= count / 20, `${cold} of ${count} cold`);
  });

  it("are told with their windows", () => {
    let record = policy.createRecord(settings);
    const found = calls({ days: 5, times: phases, count: 2 }, 7);
    for (const atMs of found) record = policy.noteArrival(record, settings, atMs);
    const nowMs = (found.at(-1) ?? 0) + minuteMs;
    const { windows, evidence } = policy.describe(record, settings, nowMs, 3);
    assert.equal(windows.length, 3);
    for (const [index, { startAtMs, endAtMs, count }] of windows.entries()) {
      const dueMs = mondayMs + 5 * dayMs + (phases[index] ?? 0) * minuteMs + 2_500;
      assert.ok(startAtMs < dueMs && dueMs < endAtMs);
      assert.ok(endAtMs - startAtMs < 20_000);
      assert.equal(count, 2);
    }
    assert.match(evidence.join("; "), /at the same times of each day/);
  });
});

describe("calls of chance over days", () => {
  const cases: [string, number, (hour: number) => number][] = [
    ["every hour or so", 1, () => 1],
    ["every twelve hours or so", 12, () => 1],
    ["every two days or so", 48, () => 1],
    ["by day only", 0.5, (hour) => (hour >= 9 && hour < 17 ? 1 : 0.02)],
  ];
  for (const [name, meanHours, rate] of cases)
    it(`${name} come at the same times in fewer than 1 % of cases`, () => {
      const seeds = 500;
      let found = 0;
      for (let seed = 0; seed < seeds; seed += 1) {
        const random = seededRandom(seed * 7919 + 17);
        let history = createHistory();
        let memory = createMemory(minuteMs);
        let atMs = mondayMs;
        let isRound = false;
        for (let call = 0; call < 40 && !isRound; call += 1) {
          do atMs += Math.round(-Math.log(1 - random()) * meanHours * 60 * minuteMs);
          while (random() > rate((atMs / (60 * minuteMs)) % 24));
          history = observe(history, atMs);
          memory = rememberCalls(memory, atMs, 1);
          isRound = forecastRounds(history, memory, atMs) !== undefined;
        }
        if (isRound) found += 1;
      }
      assert.ok(found < seeds / 100, `${found} of ${seeds}`);
    });
});
