/** Offsets: always inside the window, the same after a restart, and a crowd that is spread. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { chooseOffsetMs, windowReserveMs } from "./offset.ts";
import type { Ticks } from "./ticks.ts";

interface Placed {
  readonly name: string;
  readonly ticks: Ticks;
  readonly windowMs: number;
  readonly offsetMs: number;
}

const minuteMs = 60_000;
const nowMs = Date.parse("2026-03-01T00:00:00Z");

/** One after the other, as their owners would. */
function placeAll(jobs: readonly Omit<Placed, "offsetMs">[]): Placed[] {
  const placed: Placed[] = [];
  for (const job of jobs) placed.push({ ...job, offsetMs: chooseOffsetMs(job, placed, nowMs) });
  return placed;
}

function crowd(count: number, windowMinutes: number): Placed[] {
  const ticks = { cron: "0 3 * * *" };
  return placeAll(
    Array.from({ length: count }, (_, index) => ({
      name: `job-${index}`,
      ticks,
      windowMs: windowMinutes * minuteMs,
    })),
  );
}

/** Most that run at once, where each begins at its start and takes so long. */
function peakOf(startsMs: readonly number[], takesMs: number): number {
  return Math.max(
    ...startsMs.map(
      (atMs) => startsMs.filter((other) => other <= atMs && atMs < other + takesMs).length,
    ),
  );
}

describe("chooseOffsetMs", () => {
  let startsMs: readonly number[] = [];

  before(() => {
    startsMs = crowd(100, 15).map(({ offsetMs }) => offsetMs);
  });

  for (const takesSeconds of [1, 30, 60, 120]) {
    it(`cuts the peak of 100 jobs of ${takesSeconds} s at one minute by 5 at least, in 15 minutes`, () => {
      assert.equal(
        peakOf(
          startsMs.map(() => 0),
          takesSeconds * 1_000,
        ),
        100,
      );
      const peak = peakOf(startsMs, takesSeconds * 1_000);
      assert.ok(peak <= 20, `peak of ${peak}`);
    });
  }

  it("begins 100 jobs 3 to 17 s apart, so that jobs of a minute are 9 at once", () => {
    const inOrder = startsMs.toSorted((a, b) => a - b);
    const gapsMs = inOrder.slice(1).map((atMs, index) => atMs - (inOrder[index] ?? 0));
    assert.ok(Math.min(...gapsMs) > 3_000 && Math.max(...gapsMs) < 17_000, String(gapsMs));
    assert.ok(peakOf(startsMs, 60_000) <= 9);
  });

  it("is inside the window, with time to begin, for any window and any neighbours", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1_440 }), { minLength: 1, maxLength: 6 }),
        fc.constantFrom("0 3 * * *", "*/5 * * * *", "30 2 * * *", "0 0 1 * *"),
        (windows, cron) => {
          const jobs = windows.map((minutes, index) => ({
            name: `job-${index}`,
            ticks: { cron, timeZone: "Europe/Berlin" },
            windowMs: minutes * minuteMs,
          }));
          for (const { offsetMs, windowMs } of placeAll(jobs)) {
            assert.ok(offsetMs >= 0 && offsetMs <= windowMs - windowReserveMs);
            assert.ok(Number.isInteger(offsetMs));
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it("keeps out of the way of schedules that have no window", () => {
    const fixed = Array.from({ length: 20 }, (_, index) => ({
      name: `fixed-${index}`,
      ticks: { cron: `${index % 5} 3 * * *` },
      windowMs: 0,
    }));
    const job = { name: "job", ticks: { cron: "0 3 * * *" }, windowMs: 6 * minuteMs };
    const offsetMs = chooseOffsetMs(job, placeAll(fixed), nowMs);
    assert.ok(offsetMs > 4.5 * minuteMs, String(offsetMs));
  });

  it("is none without a window, and the same whenever the same is asked", () => {
    const job = { name: "job", ticks: { cron: "0 3 * * *" }, windowMs: 15 * minuteMs };
    assert.equal(chooseOffsetMs({ ...job, windowMs: 0 }, [], nowMs), 0);
    assert.equal(chooseOffsetMs(job, [], nowMs), chooseOffsetMs(job, [], nowMs));
  });
});
