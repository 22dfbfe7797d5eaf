import assert from "node:assert/strict";
import { provisionAt } from "./windows.ts";

const hourMs = 3_600_000;
const at = (text: string): number => Date.parse(text);
const office = {
  count: 3,
  fromCron: "0 9 * * 1-5",
  durationMs: 8 * hourMs,
  timeZone: "Europe/Berlin",
};

describe("provisionAt", () => {
  it("wants nothing without windows, and always what has no clock", () => {
    assert.deepEqual(provisionAt([], 0), { count: 0, changesAtMs: undefined });
    const always = { count: 2, fromCron: "", durationMs: 0, timeZone: "UTC" };
    assert.deepEqual(provisionAt([always], 0), { count: 2, changesAtMs: undefined });
  });

  it("opens and closes by the clock of its time zone, to the millisecond", () => {
    const opensAtMs = at("2026-11-23T09:00:00+01:00");
    const closesAtMs = opensAtMs + office.durationMs;
    assert.deepEqual(provisionAt([office], opensAtMs - 1), { count: 0, changesAtMs: opensAtMs });
    assert.deepEqual(provisionAt([office], opensAtMs), { count: 3, changesAtMs: closesAtMs });
    assert.equal(provisionAt([office], closesAtMs - 1).count, 3);
    const closed = provisionAt([office], closesAtMs);
    assert.deepEqual(closed, { count: 0, changesAtMs: at("2026-11-24T09:00:00+01:00") });
  });

  for (const [what, before, after] of [
    ["forward", "2026-03-27T09:00:00+01:00", "2026-03-30T09:00:00+02:00"],
    ["back", "2026-10-23T09:00:00+02:00", "2026-10-26T09:00:00+01:00"],
  ] as const) {
    it(`opens at the same time of the day when the clock goes ${what}`, () => {
      const friday = provisionAt([office], at(before));
      assert.equal(friday.count, 3);
      const monday = provisionAt([office], at(before) + office.durationMs);
      assert.deepEqual(monday, { count: 0, changesAtMs: at(after) });
      assert.equal(provisionAt([office], at(after)).count, 3);
    });
  }

  it("lasts as long as it says over a change of the clock", () => {
    const night = { ...office, fromCron: "0 0 * * *", durationMs: 6 * hourMs };
    const opensAtMs = at("2026-03-29T00:00:00+01:00");
    assert.equal(provisionAt([night], opensAtMs).changesAtMs, opensAtMs + 6 * hourMs);
    assert.equal(provisionAt([night], at("2026-03-29T06:59:59+02:00")).count, 3);
    assert.equal(provisionAt([night], at("2026-03-29T07:00:00+02:00")).count, 0);
  });

  it("wants the most that an open window wants, not their sum", () => {
    const noon = { ...office, count: 5, fromCron: "0 12 * * *", durationMs: hourMs };
    const base = { count: 1, fromCron: "", durationMs: 0, timeZone: "UTC" };
    const countAt = (text: string): number => provisionAt([base, office, noon], at(text)).count;
    assert.equal(countAt("2026-11-23T08:00:00+01:00"), 1);
    assert.equal(countAt("2026-11-23T11:59:59+01:00"), 3);
    assert.equal(countAt("2026-11-23T12:00:00+01:00"), 5);
    assert.equal(countAt("2026-11-23T13:00:00+01:00"), 3);
  });

  it("stays open while it opens again before it closes", () => {
    const rolling = { ...office, fromCron: "*/10 * * * * *", durationMs: 15_000 };
    for (let second = 0; second < 60; second += 1) {
      assert.equal(provisionAt([rolling], at("2026-11-23T12:00:00Z") + second * 1_000).count, 3);
    }
  });
});
