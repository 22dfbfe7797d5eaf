/** Ticks by a clock that the test moves, over changes of the clock, outages and changes of the owner. */
import assert from "node:assert/strict";
import { silentLogger, TidepoolError } from "@tidepool/common";
import type { Code } from "@tidepool/common";
import type { Progress, StoredSchedule } from "@tidepool/schedules";
import { VirtualClock } from "../testing/virtual-clock.ts";
import type {
  CallAcceptor,
  KnownProgress,
  ProgressStore,
  ScheduleSource,
  TickCall,
} from "./ports.ts";
import { TickFirer } from "./tick-firer.ts";

const at = (text: string): number => Date.parse(text);
const minuteMs = 60_000;
const beginMs = at("2026-03-28T00:00:00Z");

function aSchedule(given: Partial<StoredSchedule> = {}): StoredSchedule {
  return {
    name: "s",
    functionName: "f",
    qualifier: "",
    ticks: { everyMs: minuteMs, fromAtMs: beginMs },
    payload: new Uint8Array(),
    windowMs: 0,
    offsetMs: 0,
    missed: "skip",
    isPaused: false,
    description: "",
    createdAtMs: beginMs,
    updatedAtMs: beginMs,
    ...given,
  };
}

/** Store, frontends and leases, in memory: what outlives an owner. */
class World implements ScheduleSource, CallAcceptor, ProgressStore {
  readonly clock = new VirtualClock(beginMs);
  readonly schedules = new Map<string, StoredSchedule>();
  readonly progress = new Map<string, KnownProgress>();
  /** Each call once, by its id, with when it was accepted. */
  readonly calls = new Map<string, TickCall & { readonly atMs: number }>();
  attempts = 0;
  failing: Code | undefined;
  /** Of the accepted ones, what the owner is not told of. */
  isReplyLost = false;
  isOwned = true;

  firer(): TickFirer {
    return new TickFirer({
      shard: 0,
      schedules: this,
      acceptor: this,
      progress: this,
      epochOf: () => (this.isOwned ? 1 : undefined),
      clock: this.clock,
      logger: silentLogger,
    });
  }

  put(schedule: StoredSchedule): void {
    this.schedules.set(schedule.name, schedule);
  }

  starts(): string[] {
    return [...this.calls.values()].map(({ atMs }) => new Date(atMs).toISOString().slice(0, 16));
  }

  ticks(): string[] {
    return [...this.calls.values()].map(({ payload }) => {
      const { time } = JSON.parse(Buffer.from(payload).toString()) as { time: string };
      return time.slice(0, 16);
    });
  }

  ofShard(): StoredSchedule[] {
    return [...this.schedules.values()];
  }

  find(name: string): StoredSchedule | undefined {
    return this.schedules.get(name);
  }

  progressOf(name: string): KnownProgress {
    return this.progress.get(name) ?? { revision: 0, progress: undefined };
  }

  read(name: string): Promise<KnownProgress> {
    return Promise.resolve(this.progressOf(name));
  }

  write(name: string, progress: Progress, revision: number): Promise<number | undefined> {
    if (this.progressOf(name).revision !== revision) return Promise.resolve(undefined);
    this.progress.set(name, { revision: revision + 1, progress });
    return Promise.resolve(revision + 1);
  }

  accept(call: TickCall): Promise<void> {
    this.attempts += 1;
    if (this.failing !== undefined) {
      return Promise.reject(new TidepoolError(this.failing, "not now"));
    }
    if (!this.calls.has(call.requestId)) {
      this.calls.set(call.requestId, { ...call, atMs: this.clock.nowMs() });
    }
    if (this.isReplyLost) return Promise.reject(new TidepoolError("timeout", "no answer"));
    return Promise.resolve();
  }
}

describe("TickFirer", () => {
  let world: World;
  let firers: TickFirer[] = [];
  const own = (): TickFirer => {
    const firer = world.firer();
    firers.push(firer);
    firer.start();
    return firer;
  };

  beforeEach(() => {
    world = new World();
    firers = [];
  });
  afterEach(async () => {
    await Promise.all(firers.map((firer) => firer.stop()));
  });

  for (const [zone, cron, from, until, expected] of [
    [
      "Europe/Berlin",
      "30 2 * * *",
      "2026-03-28T02:00Z",
      "2026-03-30T12:00Z",
      ["2026-03-29T01:00", "2026-03-30T00:30"],
    ],
    [
      "Europe/Berlin",
      "30 2 * * *",
      "2026-10-24T02:00Z",
      "2026-10-26T12:00Z",
      ["2026-10-25T00:30", "2026-10-26T01:30"],
    ],
    [
      "America/New_York",
      "30 1 * * *",
      "2026-10-31T12:00Z",
      "2026-11-02T12:00Z",
      ["2026-11-01T05:30", "2026-11-02T06:30"],
    ],
    [
      "Australia/Lord_Howe",
      "15 2 * * *",
      "2026-10-02T16:00Z",
      "2026-10-04T16:00Z",
      ["2026-10-03T15:30", "2026-10-04T15:15"],
    ],
  ] as const) {
    it(`begins each tick of '${cron}' once while the clock of ${zone} changes after ${from}`, async () => {
      await world.clock.moveTo(at(from));
      const createdAtMs = at(from);
      world.put(
        aSchedule({ ticks: { cron, timeZone: zone }, createdAtMs, updatedAtMs: createdAtMs }),
      );
      own();
      await world.clock.moveTo(at(until));
      assert.deepEqual(world.starts(), expected);
    });
  }

  it("begins each tick at its offset, with the instant of the tick in the event", async () => {
    world.put(
      aSchedule({ windowMs: 15 * minuteMs, offsetMs: 7 * minuteMs, ticks: { cron: "0 3 * * *" } }),
    );
    own();
    await world.clock.moveTo(at("2026-03-28T04:00:00Z"));
    assert.deepEqual(world.starts(), ["2026-03-28T03:07"]);
    assert.deepEqual(world.ticks(), ["2026-03-28T03:00"]);
  });

  it("makes each tick one call, with two owners at once and with answers that get lost", async () => {
    world.put(aSchedule());
    world.isReplyLost = true;
    own();
    own();
    await world.clock.moveTo(beginMs + 2.5 * minuteMs);
    world.isReplyLost = false;
    await world.clock.moveTo(beginMs + 5.5 * minuteMs);
    assert.ok(world.attempts > 10, "was asked again and again");
    assert.equal(world.calls.size, 5);
  });

  it("loses no tick and repeats none when the shard changes its owner in the middle", async () => {
    world.put(aSchedule({ ticks: { everyMs: 1_000, fromAtMs: beginMs } }));
    for (let turn = 1; turn <= 5; turn += 1) {
      const firer = own();
      await world.clock.moveTo(beginMs + turn * 10_300);
      await firer.stop();
    }
    assert.equal(world.calls.size, 51);
  });

  it("begins nothing for a shard that is not its own any more", async () => {
    world.put(aSchedule());
    own();
    world.isOwned = false;
    await world.clock.moveTo(beginMs + 5 * minuteMs);
    assert.equal(world.attempts, 0);
  });

  for (const [missed, count] of [
    ["skip", 0],
    ["one", 1],
    ["all", 3],
  ] as const) {
    it(`begins ${count} of three ticks that came while there was no owner, under '${missed}'`, async () => {
      world.put(aSchedule({ missed, ticks: { everyMs: 60 * minuteMs, fromAtMs: beginMs } }));
      await world.clock.moveTo(beginMs + 190 * minuteMs);
      own();
      await world.clock.moveTo(beginMs + 191 * minuteMs);
      assert.equal(world.calls.size, count);
      assert.equal(world.progressOf("s").progress?.skipped, 3 - count);
      await world.clock.moveTo(beginMs + 241 * minuteMs);
      assert.equal(world.calls.size, count + 1);
    });
  }

  it("begins a tick late after a short outage, and skips it after a long one", async () => {
    world.put(aSchedule({ ticks: { everyMs: 60 * minuteMs, fromAtMs: beginMs } }));
    own();
    world.failing = "unavailable";
    await world.clock.moveTo(beginMs + 60.5 * minuteMs);
    world.failing = undefined;
    await world.clock.moveTo(beginMs + 61 * minuteMs);
    assert.equal(world.calls.size, 1);
    world.failing = "unavailable";
    await world.clock.moveTo(beginMs + 122 * minuteMs);
    world.failing = undefined;
    await world.clock.moveTo(beginMs + 125 * minuteMs);
    assert.equal(world.calls.size, 1);
  });

  it("goes on after a tick that no frontend would ever accept", async () => {
    world.put(aSchedule());
    own();
    world.failing = "notFound";
    await world.clock.moveTo(beginMs + 1.5 * minuteMs);
    assert.equal(world.attempts, 1);
    world.failing = undefined;
    await world.clock.moveTo(beginMs + 2.5 * minuteMs);
    assert.equal(world.calls.size, 1);
  });

  it("follows a schedule that is set, changed, paused and deleted while it runs", async () => {
    const firer = own();
    const set = (given: Partial<StoredSchedule>): void => {
      world.put(aSchedule({ updatedAtMs: world.clock.nowMs(), ...given }));
      firer.changed("s");
    };
    set({});
    await world.clock.moveTo(beginMs + 2.5 * minuteMs);
    assert.equal(world.calls.size, 2);
    set({ isPaused: true, missed: "all" });
    await world.clock.moveTo(beginMs + 4.5 * minuteMs);
    assert.equal(world.calls.size, 2);
    set({ missed: "all" });
    await world.clock.moveTo(beginMs + 5.5 * minuteMs);
    assert.equal(world.calls.size, 3);
    world.schedules.delete("s");
    firer.changed("s");
    await world.clock.moveTo(beginMs + 9.5 * minuteMs);
    assert.equal(world.calls.size, 3);
  });

  it("ends by itself after a single instant", async () => {
    world.put(aSchedule({ ticks: { atMs: beginMs + 90 * minuteMs } }));
    own();
    await world.clock.moveTo(beginMs + 300 * minuteMs);
    assert.deepEqual(world.starts(), ["2026-03-28T01:30"]);
  });
});
