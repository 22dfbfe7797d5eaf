/** Fixed periods are found, followed and let go; nothing is invented. Times are synthetic. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { seededRandom } from "../seeded-random.ts";
import { createHistory, forecast, observe, type History } from "./index.ts";
import { ticksMax } from "./history.ts";

const minuteMs = 60_000;
const startMs = 1_700_000_000_000;

function ticking(periodMs: number, count: number, fromMs = startMs): number[] {
  return Array.from({ length: count }, (_, i) => fromMs + i * periodMs);
}

function learned(calls: readonly number[], history: History = createHistory()): History {
  return calls.reduce((before, atMs) => observe(before, atMs), history);
}

describe("periodicity", () => {
  for (const periodMs of [15 * minuteMs, 30 * minuteMs, 60 * minuteMs, 24 * 60 * minuteMs])
    it(`forecasts the sixth call of a period of ${periodMs / minuteMs} minutes`, () => {
      const calls = ticking(periodMs, 5);
      const found = forecast(learned(calls), (calls.at(-1) ?? 0) + 1);
      assert.ok(found);
      const nextMs = startMs + 5 * periodMs;
      assert.ok(Math.abs(found.expectedAtMs - nextMs) < 1);
      assert.ok(found.window.startAtMs <= nextMs && nextMs <= found.window.endAtMs);
      assert.ok(found.degree > 0.5 && found.degree <= 1, `degree ${found.degree}`);
    });

  for (const speed of [10, 60, 450])
    it(`sees the same at ${speed} times the speed`, () => {
      const random = seededRandom(7);
      const slow = ticking(15 * minuteMs, 20).map((atMs) => atMs + random() * minuteMs);
      const fast = slow.map((atMs) => startMs + (atMs - startMs) / speed);
      const a = forecast(learned(slow), slow.at(-1) ?? 0);
      const history = learned(fast, createHistory(minuteMs / speed));
      const b = forecast(history, fast.at(-1) ?? 0);
      assert.ok(a && b);
      assert.ok(Math.abs(a.periodMs / speed - b.periodMs) < 1);
      assert.ok(Math.abs(a.degree - b.degree) < 1e-9);
    });

  it("learns two seconds within sixteen calls although its grain is a minute", () => {
    const found = forecast(learned(ticking(2_000, 16)), startMs + 15 * 2_000);
    assert.equal(Math.round(found?.periodMs ?? 0), 2_000);
  });

  it("keeps a period under jitter of a minute and dropped ticks", () => {
    const random = seededRandom(3);
    const calls = ticking(30 * minuteMs, 60)
      .map((atMs) => atMs + Math.round(random() * 2 - 1) * minuteMs)
      .filter(() => random() > 0.1);
    let history = createHistory();
    let covered = 0;
    for (const [i, atMs] of calls.entries()) {
      const found = forecast(history, atMs);
      if (i >= 8 && found && atMs >= found.window.startAtMs) covered += 1;
      history = observe(history, atMs);
    }
    assert.ok(covered / (calls.length - 8) > 0.9, `covered ${covered} of ${calls.length - 8}`);
  });

  it("counts a burst at every tick", () => {
    const calls = ticking(15 * minuteMs, 8).flatMap((atMs) => [atMs, atMs + 20, atMs + 60]);
    const found = forecast(learned(calls), (calls.at(-1) ?? 0) + 1);
    assert.deepEqual(found?.count, { median: 3, upper: 3 });
  });

  it("takes a weight for as many calls", () => {
    const history = ticking(15 * minuteMs, 8).reduce(
      (before, atMs) => observe(before, atMs, 4),
      createHistory(),
    );
    assert.deepEqual(forecast(history, startMs + 8 * 15 * minuteMs - minuteMs)?.count.upper, 4);
    assert.equal(history.callsSeen, 32);
  });

  it("finds a period among unrelated calls, and says that it does not cover them", () => {
    const random = seededRandom(11);
    const noise = Array.from({ length: 20 }, () => startMs + random() * 40 * 15 * minuteMs);
    const calls = [...ticking(15 * minuteMs, 40), ...noise].toSorted((a, b) => a - b);
    const found = forecast(learned(calls), calls.at(-1) ?? 0);
    assert.ok(found);
    assert.ok(Math.abs(found.periodMs - 15 * minuteMs) < minuteMs / 10);
    assert.ok(found.coverage < 0.9, `coverage ${found.coverage}`);
  });

  it("lowers the degree with each miss, ends after four, and learns again", () => {
    const periodMs = 15 * minuteMs;
    const history = learned(ticking(periodMs, 12));
    const lastMs = startMs + 11 * periodMs;
    const degrees = [0, 1, 2, 3, 4].map(
      (misses) => forecast(history, lastMs + (misses + 0.5) * periodMs)?.degree,
    );
    for (const [i, degree] of degrees.slice(1, 4).entries())
      assert.ok(degree !== undefined && degree < (degrees[i] ?? 0), `after miss ${i + 1}`);
    assert.equal(degrees[4], undefined);
    assert.equal(forecast(history, lastMs + 3.5 * periodMs)?.evidence.missesInRow, 3);
    const restartMs = lastMs + 20.4 * periodMs;
    const again = learned(ticking(periodMs, 8, restartMs), history);
    assert.ok(forecast(again, restartMs + 7.5 * periodMs));
  });

  it("points at the window after next once one has passed", () => {
    const periodMs = 60 * minuteMs;
    const history = learned(ticking(periodMs, 8));
    const found = forecast(history, startMs + 8.5 * periodMs);
    assert.equal(Math.round(((found?.expectedAtMs ?? 0) - startMs) / periodMs), 9);
  });

  for (const [from, to] of [
    [5, 15],
    [15, 5],
    [30, 20],
  ] as const)
    it(`follows a change from ${from} to ${to} minutes`, () => {
      const before = ticking(from * minuteMs, 30);
      const changeMs = before.at(-1) ?? 0;
      const after = ticking(to * minuteMs, 14, changeMs + to * minuteMs);
      const found = forecast(learned([...before, ...after]), after.at(-1) ?? 0);
      assert.ok(Math.abs((found?.periodMs ?? 0) - to * minuteMs) < minuteMs / 10);
    });

  it("follows a clock that is set anew after two ticks", () => {
    const periodMs = 20 * minuteMs;
    const before = ticking(periodMs, 10);
    const resetMs = (before.at(-1) ?? 0) + 8 * minuteMs;
    const history = learned([...before, ...ticking(periodMs, 2, resetMs)]);
    const found = forecast(history, resetMs + 1.5 * periodMs);
    assert.ok(Math.abs((found?.expectedAtMs ?? 0) - (resetMs + 2 * periodMs)) < minuteMs);
  });

  it("is plain data of bounded size, the same after a round trip as without", () => {
    const random = seededRandom(5);
    let direct = createHistory();
    let stored = createHistory();
    let atMs = startMs;
    for (let i = 0; i < 2_000; i += 1) {
      atMs += i < 1_000 ? 5 * minuteMs + random() * 9_000 : random() * 10 * minuteMs;
      direct = observe(direct, atMs);
      stored = observe(JSON.parse(JSON.stringify(stored)) as History, atMs);
    }
    assert.deepEqual(stored, direct);
    assert.equal(direct.ticks.length, ticksMax);
    assert.ok(JSON.stringify(direct).length < 4_000);
  });

  it("takes an arrival that is late in the log for one that came now", () => {
    const history = learned([startMs, startMs + minuteMs, startMs - minuteMs]);
    assert.deepEqual(history.ticks.at(-1), { atMs: startMs + minuteMs, count: 2 });
  });
});
