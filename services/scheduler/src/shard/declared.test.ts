/**
 * Declared calls under a virtual clock, on a host whose VMs take time to get ready and go when they are told to:
 * every one of them, from the first on, must find a VM that waits for it with the code loaded.
 */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { policies } from "@tidepool/policy";
import { chooseOffsetMs, tickRequestId, ticksBetween } from "@tidepool/schedules";
import type { Ticks } from "@tidepool/schedules";
import type { DeclaredCalls, Prediction } from "../ports.ts";
import { testWorld } from "../testing/test-world.ts";
import { mockedClock, settle, VirtualHost } from "../testing/virtual-host.ts";
import { Shard } from "./shard.ts";
import { aVersion } from "../testing/a-version.ts";

const keepAliveMs = 600_000;
const prepareMs = 800;
const stepMs = 250;
const minuteMs = 60_000;

type Start = "predicted" | "warm" | "cold";

class PreparingHost extends VirtualHost {
  peakIdle = 0;

  call(): Start {
    this.expire();
    const found = this.vms.find(({ readyAtMs }) => readyAtMs <= Date.now());
    const start = found === undefined ? "cold" : found.isFresh ? "predicted" : "warm";
    if (found !== undefined) this.vms.splice(this.vms.indexOf(found), 1);
    this.takeBack(Date.now() + keepAliveMs);
    return start;
  }

  override expire(): void {
    super.expire();
    this.peakIdle = Math.max(this.peakIdle, this.vms.length);
  }
}

interface Declaration {
  readonly name: string;
  readonly ticks: Ticks;
  readonly offsetMs?: number;
}

function declaredBy(
  declarations: readonly Declaration[],
  fromMs: number,
  untilMs: number,
): DeclaredCalls {
  const lastMs = untilMs + 86_400_000;
  const all = declarations
    .flatMap(({ name, ticks, offsetMs = 0 }) =>
      ticksBetween(ticks, fromMs - 1, lastMs, 10_000).map((atMs) => ({
        atMs: atMs + offsetMs,
        schedule: name,
        qualifier: "",
      })),
    )
    .sort((a, b) => a.atMs - b.atMs);
  return {
    nextStart: (_name, afterMs) => all.find(({ atMs }) => atMs > afterMs)?.atMs,
    startsWithin: (_name, first, last) => all.filter(({ atMs }) => atMs >= first && atMs <= last),
    functionsOf: () => ["f"],
  };
}

interface Run {
  readonly starts: Start[];
  readonly host: PreparingHost;
  readonly shard: Shard;
}

async function run(
  declarations: readonly Declaration[],
  fromMs: number,
  untilMs: number,
  options: { readonly others?: readonly number[]; readonly prediction?: Prediction } = {},
): Promise<Run> {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: fromMs });
  const version = aVersion({ keepAliveMs, prediction: options.prediction });
  const host = new PreparingHost(prepareMs);
  host.tell();
  const declared = declaredBy(declarations, fromMs, untilMs);
  const world = testWorld(fromMs, {
    hosts: host.table,
    policy: policies.learned,
    commands: host.commands(),
    functionOf: () => version,
    shardPrewarmIdleVmSecondsMax: 0, // caps are for what is guessed
    clock: mockedClock,
    declared,
  });
  const shard = new Shard(world.parts, 0);
  await shard.start();
  const starts: Start[] = [];
  let sequence = 0;
  const others = [...(options.others ?? [])];
  while (Date.now() < untilMs) {
    const beforeMs = Date.now();
    mock.timers.tick(stepMs);
    host.expire();
    // A call reaches its VM some time after its tick, as it does.
    const due = declared.startsWithin("f", beforeMs - stepMs + 1, Date.now() - stepMs);
    const calls = due.map(({ atMs, schedule }) =>
      tickRequestId({ name: schedule, createdAtMs: 0 }, atMs),
    );
    while (others[0] !== undefined && others[0] <= Date.now()) {
      others.shift();
      calls.push("other");
    }
    for (const requestId of calls) {
      const start = host.call();
      if (requestId !== "other") starts.push(start);
      sequence += 1;
      const call = { functionName: "f", version: "1", requestId, qualifier: "" };
      world.receive({ sequence, arrivals: [{ ...call, atMs: Date.now() }] });
    }
    await settle();
  }
  await shard.stop(false);
  return { starts, host, shard };
}

const at = (text: string): number => Date.parse(text);

describe("A shard's declared calls", function () {
  this.timeout(60_000);
  afterEach(() => mock.timers.reset());

  it("find a VM that was made ready for them, from the first on, and leave none behind", async () => {
    const fromMs = at("2026-06-01T00:00:10Z");
    const ticks = { cron: "*/5 * * * *" };
    const { starts, host } = await run([{ name: "s", ticks }], fromMs, fromMs + 31 * minuteMs);
    assert.deepEqual(starts, Array(6).fill("predicted"));
    assert.equal(host.orderedCount, 6);
    assert.equal(host.vms.length, 0, "released between the ticks");
    assert.equal(host.peakIdle, 1);
  });

  it("find as many VMs as ticks begin at once", async () => {
    const fromMs = at("2026-06-01T00:00:00Z");
    const schedules = Array.from({ length: 40 }, (_, index) => ({
      name: `s-${index}`,
      ticks: { cron: "10 * * * *" },
    }));
    const { starts } = await run(schedules, fromMs, fromMs + 11 * minuteMs);
    assert.deepEqual(starts, Array(40).fill("predicted"));
  });

  it("find one VM, kept from tick to tick, where those are near", async () => {
    const fromMs = at("2026-06-01T00:00:05Z");
    const ticks = { everyMs: 20_000, fromAtMs: fromMs + 20_000 };
    const { starts, host } = await run([{ name: "s", ticks }], fromMs, fromMs + 5 * minuteMs);
    assert.ok(starts.length >= 14);
    assert.ok(!starts.includes("cold"), starts.join(" "));
    assert.ok(host.orderedCount <= 2, String(host.orderedCount));
  });

  for (const [zone, from, cron, expected] of [
    ["Europe/Berlin", "2026-03-29T00:20:00Z", "30 2 * * *", 1],
    ["Europe/Berlin", "2026-10-24T23:50:00Z", "*/30 2 * * *", 4],
    ["Australia/Lord_Howe", "2026-10-03T15:10:00Z", "15 2 * * *", 1],
  ] as const) {
    it(`are never cold while the clock of ${zone} changes ('${cron}')`, async () => {
      const ticks = { cron, timeZone: zone };
      const { starts } = await run([{ name: "s", ticks }], at(from), at(from) + 130 * minuteMs);
      assert.deepEqual(starts, Array(expected).fill("predicted"));
    });
  }

  it("find a VM though other calls take what is idle", async () => {
    const fromMs = at("2026-06-01T00:00:01Z");
    const ticks = { cron: "*/10 * * * *" };
    const others = Array.from({ length: 40 }, (_, index) => fromMs + index * 53_000);
    const { starts } = await run([{ name: "s", ticks }], fromMs, fromMs + 35 * minuteMs, {
      others,
    });
    assert.equal(starts.length, 3);
    assert.ok(!starts.includes("cold"), starts.join(" "));
  });

  it("begin with their offset, and so do their VMs", async () => {
    const fromMs = at("2026-06-01T00:00:00Z");
    const schedules = [
      { name: "a", ticks: { cron: "10 * * * *" }, offsetMs: 0 },
      { name: "b", ticks: { cron: "10 * * * *" }, offsetMs: 5 * minuteMs },
    ];
    const { starts, host } = await run(schedules, fromMs, fromMs + 20 * minuteMs);
    assert.deepEqual(starts, ["predicted", "predicted"]);
    assert.equal(host.peakIdle, 1);
  });

  it("need a fifth of the VMs at most where 100 of a minute have 15 minutes, and none is cold", async () => {
    const fromMs = at("2026-06-01T00:00:00Z");
    const windowMs = 15 * minuteMs;
    const ticks = { cron: "5 * * * *" };
    const flexible: { name: string; ticks: Ticks; offsetMs: number }[] = [];
    for (let index = 0; index < 100; index += 1) {
      const job = { name: `s-${index}`, ticks, windowMs };
      flexible.push({ ...job, offsetMs: chooseOffsetMs(job, flexible, fromMs) });
    }
    const rigid = flexible.map((job) => ({ ...job, offsetMs: 0 }));
    const crowd = await run(rigid, fromMs, fromMs + 10 * minuteMs);
    mock.timers.reset();
    const spread = await run(flexible, fromMs, fromMs + 22 * minuteMs);
    assert.deepEqual([crowd.host.peakIdle, crowd.starts.length], [100, 100]);
    assert.ok(spread.host.peakIdle <= 20, `${spread.host.peakIdle} VMs at once`);
    assert.equal(spread.starts.length, 100);
    assert.ok(![...crowd.starts, ...spread.starts].includes("cold"));
    for (const { offsetMs } of flexible) assert.ok(offsetMs >= 0 && offsetMs < windowMs);
  });

  it("are told in the forecast with who declared them, and cover their demand", async () => {
    const fromMs = at("2026-06-01T00:00:00Z");
    const { shard } = await run(
      [{ name: "nightly", ticks: { cron: "0 3 * * *" } }],
      fromMs,
      fromMs + minuteMs,
    );
    const forecast = shard.forecast("f");
    assert.equal(forecast.degree, 1);
    assert.equal(forecast.windows?.[0]?.count, 1);
    assert.match(
      forecast.evidence?.[0] ?? "",
      /a call at 2026-06-01T03:00:00.000Z, declared by schedule nightly/,
    );
    assert.ok(forecast.prewarmAt, "says when its VM is ordered");
    const [{ demand, periodicCount } = { demand: undefined, periodicCount: 0 }] = shard.demand();
    assert.deepEqual([demand?.neededMicro, demand?.uncoveredMicro, periodicCount], [1e6, 0, 1]);
  });

  it("change nothing for a function whose prediction is off or in shadow", async () => {
    const fromMs = at("2026-06-01T00:00:00Z");
    const schedules = [{ name: "s", ticks: { cron: "*/5 * * * *" } }];
    for (const prediction of ["off", "shadow"] as const) {
      const { host } = await run(schedules, fromMs, fromMs + 12 * minuteMs, { prediction });
      assert.equal(host.orderedCount, 0, prediction);
      mock.timers.reset();
    }
  });
});
