/** Ticks by the wall clocks of time zones, over their changes, and what both directions agree on. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { cronProblem, nextTicks, ticksBetween } from "./ticks.ts";
import type { Ticks } from "./ticks.ts";

function told(ticks: Ticks, after: string, count: number): string[] {
  return nextTicks(ticks, Date.parse(after), count).map((atMs) =>
    new Date(atMs).toISOString().replace(":00.000Z", "Z"),
  );
}

const changes: readonly (readonly [string, string, string, string, readonly string[]])[] = [
  [
    "Berlin springs forward over 02:30: at 03:00, and once",
    "30 2 * * *",
    "Europe/Berlin",
    "2026-03-28T12:00Z",
    ["2026-03-29T01:00Z", "2026-03-30T00:30Z"],
  ],
  [
    "Berlin springs forward over a list: both of its ticks are one",
    "0,30 2 * * *",
    "Europe/Berlin",
    "2026-03-28T12:00Z",
    ["2026-03-29T01:00Z", "2026-03-30T00:00Z", "2026-03-30T00:30Z"],
  ],
  [
    "Berlin falls back over 02:30: once, the first time",
    "30 2 * * *",
    "Europe/Berlin",
    "2026-10-24T12:00Z",
    ["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
  ],
  [
    "Berlin falls back under a step: every half hour that passes",
    "*/30 * * * *",
    "Europe/Berlin",
    "2026-10-24T23:45Z",
    ["2026-10-25T00:00Z", "2026-10-25T00:30Z", "2026-10-25T01:00Z", "2026-10-25T01:30Z"],
  ],
  [
    "New York springs forward over 02:30: at 03:00",
    "30 2 * * *",
    "America/New_York",
    "2026-03-07T12:00Z",
    ["2026-03-08T07:00Z", "2026-03-09T06:30Z"],
  ],
  [
    "New York falls back over 01:30: once, the first time",
    "30 1 * * *",
    "America/New_York",
    "2026-10-31T12:00Z",
    ["2026-11-01T05:30Z", "2026-11-02T06:30Z"],
  ],
  [
    "Lord Howe springs forward by half an hour over 02:15: at 02:30",
    "15 2 * * *",
    "Australia/Lord_Howe",
    "2026-10-03T00:00Z",
    ["2026-10-03T15:30Z", "2026-10-04T15:15Z"],
  ],
  [
    "Lord Howe falls back by half an hour over 01:45: once, the first time",
    "45 1 * * *",
    "Australia/Lord_Howe",
    "2026-04-04T00:00Z",
    ["2026-04-04T14:45Z", "2026-04-05T15:15Z"],
  ],
  [
    "noon stays noon over a change",
    "0 12 * * *",
    "Europe/Berlin",
    "2026-03-28T00:00Z",
    ["2026-03-28T11:00Z", "2026-03-29T10:00Z"],
  ],
];

describe("nextTicks", () => {
  for (const [claim, cron, timeZone, after, expected] of changes) {
    it(claim, () => assert.deepEqual(told({ cron, timeZone }, after, expected.length), expected));
  }

  it("has seconds where there are six fields", () => {
    const ticks = nextTicks({ cron: "*/20 * * * * *" }, Date.parse("2026-01-01T00:00:05Z"), 3);
    assert.deepEqual(
      ticks.map((atMs) => new Date(atMs).getUTCSeconds()),
      [20, 40, 0],
    );
  });

  it("counts a rate from its begin, whatever the instant is that it is asked at", () => {
    const ticks = { everyMs: 1_500, fromAtMs: 10_000 };
    assert.deepEqual(nextTicks(ticks, 0, 2), [10_000, 11_500]);
    assert.deepEqual(nextTicks(ticks, 11_500, 2), [13_000, 14_500]);
    assert.deepEqual(nextTicks(ticks, 11_499, 1), [11_500]);
  });

  it("is once for an instant, and never again", () => {
    assert.deepEqual(nextTicks({ atMs: 5_000 }, 4_999, 3), [5_000]);
    assert.deepEqual(nextTicks({ atMs: 5_000 }, 5_000, 3), []);
  });

  it("begins at `from`, and ends before `until`", () => {
    const bounds = { fromAtMs: 60_000, untilAtMs: 180_000 };
    assert.deepEqual(nextTicks({ cron: "* * * * *", ...bounds }, 0, 9), [60_000, 120_000]);
    assert.deepEqual(
      ticksBetween({ cron: "* * * * *", ...bounds }, 0, 900_000, 9),
      [60_000, 120_000],
    );
  });
});

describe("ticksBetween", () => {
  it("has exactly the ticks that nextTicks has, in all zones and over all changes", () => {
    const patterns = ["30 2 * * *", "*/15 * * * *", "0,30 1-2 * * *", "0 0 2 * * 0", "5 */6 * * *"];
    const zones = [
      "UTC",
      "Europe/Berlin",
      "America/New_York",
      "Australia/Lord_Howe",
      "Asia/Kathmandu",
    ];
    const changesAtMs = ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05"].map(
      (day) => Date.parse(day),
    );
    const dayMs = 86_400_000;
    fc.assert(
      fc.property(
        fc.constantFrom(...patterns),
        fc.constantFrom(...zones),
        fc.constantFrom(...changesAtMs),
        fc.integer({ min: -2 * dayMs, max: dayMs }),
        fc.integer({ min: 1, max: dayMs }),
        (cron, timeZone, changeAtMs, beforeMs, spanMs) => {
          const afterMs = changeAtMs + beforeMs;
          const throughMs = afterMs + spanMs;
          const ticks = { cron, timeZone };
          const ahead = nextTicks(ticks, afterMs, 110).filter((atMs) => atMs <= throughMs);
          assert.deepEqual(ticksBetween(ticks, afterMs, throughMs, 110), ahead);
          assert.deepEqual(ticksBetween(ticks, afterMs, throughMs, 2), ahead.slice(-2));
          for (const [index, atMs] of ahead.entries())
            assert.ok(atMs > (ahead[index - 1] ?? afterMs));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("has the latest of a rate, oldest first", () => {
    const ticks = { everyMs: 1_000, fromAtMs: 500 };
    assert.deepEqual(ticksBetween(ticks, 0, 10_500, 3), [8_500, 9_500, 10_500]);
    assert.deepEqual(ticksBetween(ticks, 9_000, 10_499, 3), [9_500]);
    assert.deepEqual(ticksBetween(ticks, 0, 499, 3), []);
  });
});

describe("cronProblem", () => {
  for (const [cron, words] of [
    ["* * * *", /has 4 fields; it has five, or six/],
    ["* * * * * * *", /has 7 fields/],
    ["", /has no fields/],
    ["61 * * * *", /cannot be read: .*minute/],
    ["0 0 31 2 *", /names a date that never comes/],
    ["2026-01-01T00:00:00", /has 1 field;/],
    ["@sometimes", /cannot be read/],
    [`${"1,".repeat(100)}1 * * * *`, /209 characters, at most 200/],
  ] as const) {
    it(`refuses '${cron.slice(0, 20)}'`, () => assert.match(cronProblem({ cron }) ?? "", words));
  }

  it("refuses a time zone that nobody has, and an offset in its place", () => {
    assert.match(cronProblem({ cron: "@daily", timeZone: "Mars/One" }) ?? "", /'Mars\/One' is not/);
    assert.match(cronProblem({ cron: "@daily", timeZone: "+02:00" }) ?? "", /IANA name/);
  });

  for (const cron of ["0 9 * * MON-FRI", "0 0 L * *", "0 0 * * 5#2", "*/5 * * * * *", "@hourly"]) {
    it(`has nothing against '${cron}'`, () => assert.equal(cronProblem({ cron }), undefined));
  }
});
