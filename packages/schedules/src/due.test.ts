/** What is begun, what is late and what is missed, by a clock that the test sets. */
import assert from "node:assert/strict";
import { dueTicks, lateMaxMs, missedTicksMax, nextStarts } from "./due.ts";
import { tickRequestId } from "./record.ts";
import { tickEvent } from "./tick-event.ts";
import type { Progress, StoredSchedule } from "./record.ts";

const minuteMs = 60_000;
const at = (text: string): number => Date.parse(text);
const createdAtMs = at("2026-03-28T00:00:00Z");

function aSchedule(given: Partial<StoredSchedule> = {}): StoredSchedule {
  return {
    name: "nightly",
    functionName: "report",
    qualifier: "",
    ticks: { cron: "30 2 * * *", timeZone: "Europe/Berlin" },
    payload: new Uint8Array(),
    windowMs: 0,
    offsetMs: 0,
    missed: "skip",
    isPaused: false,
    description: "",
    createdAtMs,
    updatedAtMs: createdAtMs,
    ...given,
  };
}

function settled(settledAtMs: number): Progress {
  return { createdAtMs, settledAtMs, lastAtMs: settledAtMs, lastRequestId: "x", skipped: 0 };
}

/** As a shard's owner does it: looks when it said it would, and remembers. @returns starts */
function runUntil(schedule: StoredSchedule, untilMs: number): number[] {
  const starts: number[] = [];
  let progress: Progress | undefined;
  let nowMs: number | undefined = createdAtMs;
  while (nowMs !== undefined && nowMs <= untilMs) {
    const due = dueTicks(schedule, progress, nowMs);
    for (const _ of due.instants) starts.push(nowMs);
    progress = settled(due.settledAtMs);
    assert.ok(due.nextStartAtMs === undefined || due.nextStartAtMs > nowMs, "time goes on");
    nowMs = due.nextStartAtMs;
  }
  return starts;
}

describe("dueTicks", () => {
  it("goes once a day through both changes of the clock", () => {
    const year = runUntil(aSchedule(), at("2027-03-28T00:00:00Z"));
    assert.equal(year.length, 365);
    const shown = year.map((atMs) => new Date(atMs).toISOString().slice(0, 16));
    assert.ok(shown.includes("2026-03-29T01:00"), "02:30 does not exist: 03:00 in summer time");
    assert.ok(shown.includes("2026-10-25T00:30"), "02:30 comes twice: the first");
    assert.ok(!shown.includes("2026-10-25T01:30"));
  });

  it("begins each tick by the same offset, over a change of the clock too", () => {
    const schedule = aSchedule({ windowMs: 15 * minuteMs, offsetMs: 7 * minuteMs });
    const plain = runUntil(aSchedule(), at("2026-11-01T00:00:00Z"));
    const shifted = runUntil(schedule, at("2026-11-01T00:00:00Z"));
    assert.deepEqual(
      shifted,
      plain.map((atMs) => atMs + 7 * minuteMs),
    );
  });

  it("begins a tick late while nobody could begin it, for a minute or its window", () => {
    const tickAtMs = at("2026-03-29T01:00:00Z");
    const late = (schedule: StoredSchedule, byMs: number): number =>
      dueTicks(schedule, undefined, tickAtMs + byMs).instants.length;
    assert.equal(late(aSchedule(), lateMaxMs), 1);
    assert.equal(late(aSchedule(), lateMaxMs + 1), 0);
    const windowMs = 15 * minuteMs;
    assert.equal(late(aSchedule({ windowMs }), windowMs), 1);
    assert.equal(late(aSchedule({ windowMs }), windowMs + 1), 0);
  });

  it("skips, makes one of, or makes up for all ticks that were missed", () => {
    const ticks = { everyMs: minuteMs, fromAtMs: createdAtMs };
    const nowMs = createdAtMs + 10.5 * minuteMs;
    const missed = (policy: StoredSchedule["missed"]): readonly number[] =>
      dueTicks(aSchedule({ ticks, missed: policy }), settled(createdAtMs), nowMs + 3_600_000)
        .instants;
    const newest = createdAtMs + 70 * minuteMs;
    // The newest is 30 s old, and so only late.
    assert.deepEqual(missed("skip"), [newest]);
    assert.deepEqual(missed("one"), [newest]);
    assert.equal(missed("all").length, 70);
    assert.deepEqual([missed("all")[0], missed("all").at(-1)], [createdAtMs + minuteMs, newest]);
    const hourly = { everyMs: 60 * minuteMs, fromAtMs: createdAtMs };
    const due = dueTicks(aSchedule({ ticks: hourly }), undefined, createdAtMs + 150 * minuteMs);
    assert.deepEqual([due.instants, due.skipped], [[], 2]);
    assert.equal(due.nextStartAtMs, createdAtMs + 180 * minuteMs);
  });

  it(`makes up for ${missedTicksMax} ticks at most, the newest, oldest first`, () => {
    const ticks = { everyMs: 1_000, fromAtMs: createdAtMs };
    const schedule = aSchedule({ ticks, missed: "all" });
    const { instants } = dueTicks(schedule, undefined, createdAtMs + 86_400_000);
    assert.equal(instants.length, missedTicksMax);
    assert.equal(instants.at(-1), createdAtMs + 86_400_000);
    assert.equal(instants[0], createdAtMs + 86_400_000 - (missedTicksMax - 1) * 1_000);
  });

  it("misses nothing from before it was made or set anew, nor while it was paused", () => {
    const updatedAtMs = at("2026-04-05T12:00:00Z");
    const all = aSchedule({ missed: "all" });
    assert.deepEqual(dueTicks(all, undefined, createdAtMs).instants, []);
    assert.deepEqual(dueTicks({ ...all, updatedAtMs }, undefined, updatedAtMs).instants, []);
    const paused = dueTicks(aSchedule({ isPaused: true }), undefined, updatedAtMs);
    assert.deepEqual([paused.instants, paused.nextStartAtMs], [[], undefined]);
  });

  it("begins no tick a second time after a change of the schedule", () => {
    const tickAtMs = at("2026-03-29T01:00:00Z");
    const changed = aSchedule({
      updatedAtMs: tickAtMs + 2 * minuteMs,
      windowMs: 15 * minuteMs,
      offsetMs: 10 * minuteMs,
    });
    const nowMs = tickAtMs + 10 * minuteMs;
    assert.deepEqual(dueTicks(changed, undefined, nowMs).instants, [tickAtMs]);
    assert.deepEqual(dueTicks(changed, settled(tickAtMs), nowMs).instants, []);
  });

  it("takes no notice of how far an earlier schedule of the same name had come", () => {
    const schedule = aSchedule({ createdAtMs: createdAtMs + 1, updatedAtMs: createdAtMs + 1 });
    const due = dueTicks(schedule, settled(at("2030-01-01")), at("2026-03-29T01:00:00Z"));
    assert.equal(due.instants.length, 1);
  });

  it("has one call for each tick, another for a later schedule of the same name", () => {
    const ids = [
      tickRequestId(aSchedule(), 1),
      tickRequestId(aSchedule(), 2),
      tickRequestId(aSchedule({ createdAtMs: 1 }), 1),
      tickRequestId(aSchedule({ name: "other" }), 1),
    ];
    assert.equal(new Set(ids).size, 4);
    assert.equal(tickRequestId(aSchedule({ updatedAtMs: 5 }), 1), ids[0]);
  });
});

describe("nextStarts", () => {
  it("is when the next ticks begin, with their offset, from now on", () => {
    const schedule = aSchedule({ windowMs: 15 * minuteMs, offsetMs: minuteMs });
    const nowMs = at("2026-03-29T01:00:30Z");
    assert.deepEqual(
      nextStarts(schedule, undefined, nowMs, 2).map((atMs) => new Date(atMs).toISOString()),
      ["2026-03-29T01:01:00.000Z", "2026-03-30T00:31:00.000Z"],
    );
    assert.deepEqual(nextStarts({ ...schedule, isPaused: true }, undefined, nowMs, 2), []);
  });
});

describe("tickEvent", () => {
  it("is a CloudEvent of the tick's instant, with the payload as it was set", () => {
    const payload = Buffer.from('{"n": 12345678901234567890}');
    const text = Buffer.from(tickEvent(aSchedule({ payload }), createdAtMs, "tick-1")).toString();
    assert.ok(text.includes("12345678901234567890"));
    const { data, ...attributes } = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual(Object.keys(data as object), ["n"]);
    assert.deepEqual(attributes, {
      specversion: "1.0",
      id: "tick-1",
      source: "/tidepool/schedules/nightly",
      type: "tidepool.schedule.tick",
      subject: "report",
      time: "2026-03-28T00:00:00.000Z",
      datacontenttype: "application/json",
    });
    const empty = Buffer.from(tickEvent(aSchedule(), createdAtMs, "tick-1")).toString();
    assert.equal((JSON.parse(empty) as { data: unknown }).data, null);
  });
});
