/**
 * Calls without memory are called periodic in fewer than one case of a hundred: at any time within the
 * first arrivals, for steady and for slowly changing rates, and on a clock that counts whole minutes.
 */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { seededRandom } from "../seeded-random.ts";
import { createHistory, observe } from "./index.ts";

const minuteMs = 60_000;

type Gap = (random: () => number, nowMs: number) => number;
const steady =
  (meanMinutes: number): Gap =>
  (random) =>
    -Math.log(1 - random()) * meanMinutes * minuteMs;
const changing =
  (meanMinutes: number): Gap =>
  (random, nowMs) =>
    -Math.log(1 - random()) *
    meanMinutes *
    minuteMs *
    Math.exp(Math.sin((nowMs / (meanMinutes * minuteMs * 40)) * 2 * Math.PI));

function everPeriodic(gap: Gap, seed: number, arrivals: number, stepMs: number): boolean {
  const random = seededRandom(seed);
  let history = createHistory();
  let atMs = 0;
  for (let i = 0; i < arrivals; i += 1) {
    atMs += gap(random, atMs);
    history = observe(history, Math.floor(atMs / stepMs) * stepMs);
    if (history.pattern !== null) return true;
  }
  return false;
}

describe("aperiodic calls", () => {
  const cases: [string, Gap, number, number, number][] = [
    ["steady, every hour or so", steady(60), 1, 10_000, 16],
    ["steady, every eight minutes or so", steady(8), 1, 2_000, 24],
    ["busy, in whole minutes", steady(0.5), minuteMs, 500, 200],
    ["every two minutes or so, in whole minutes", steady(2), minuteMs, 1_000, 60],
    ["every fifteen minutes or so, in whole minutes", steady(15), minuteMs, 2_000, 24],
    ["slowly changing", changing(20), 1, 1_000, 60],
    ["slowly changing, in whole minutes", changing(5), minuteMs, 1_000, 60],
  ];
  for (const [name, gap, stepMs, seeds, arrivals] of cases)
    it(`${name}: fewer than 1 % of ${seeds} seeds`, () => {
      let found = 0;
      for (let seed = 0; seed < seeds; seed += 1)
        if (everPeriodic(gap, seed * 7919 + 13, arrivals, stepMs)) found += 1;
      assert.ok(found < seeds / 100, `${found} of ${seeds}`);
    });
});
