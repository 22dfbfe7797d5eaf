/**
 * The scheduler on a real nats-server, with a host that answers as a host-agent does but has no VMs. Calls
 * are told as a frontend tells them; those of the past teach the pattern at once, and the calls that follow
 * come in real time, some seconds apart. Each is told with the instant that it was due: how late it comes is the machine's.
 */
import assert from "node:assert/strict";
import { ensureStorage } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import { aNats, until } from "@tidepool/actors/testing";
import type { TestNats } from "@tidepool/actors/testing";
import { silentLogger, systemClock } from "@tidepool/common";
import { fromTimestamp, subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { Scheduler } from "./scheduler.ts";
import type { SchedulerOptions } from "./scheduler.ts";
import { TestHost } from "./testing/test-host.ts";
import type { TestAssign } from "./testing/test-host.ts";

type Forecast = tidepool.v1.GetForecastResponse.$Properties;

const { internal } = tidepool;
const shardCount = 4;
const periodMs = 2_500;
const keepAliveMs = 4_000;

describe("Scheduler", () => {
  let nats: TestNats;
  let bus: Bus;
  let storage: Storage;
  let schedulers: Scheduler[];
  let hosts: TestHost[];
  let watching: Stoppable;
  let target: number | undefined;

  beforeEach(async () => {
    nats = await aNats("host");
    bus = nats.bus;
    storage = await ensureStorage(bus);
    schedulers = [];
    hosts = [];
    target = undefined;
    watching = bus.subscribe(subjects.warmingTargets, internal.v1.WarmingTargets, (message) => {
      target = message.configs?.find(({ memoryMib }) => memoryMib === 128)?.target ?? undefined;
    });
  });
  afterEach(async () => {
    await Promise.all(schedulers.map((scheduler) => scheduler.stop()));
    await Promise.all(hosts.map((host) => host.stop()));
    await watching.stop();
    await nats.stop();
  });

  const schedulerParts = (): Omit<SchedulerOptions, "schedulerId"> => ({
    bus,
    storage,
    shardCount,
    warmingPolicy: { base: 8, floor: 1, ceiling: 32 },
    logger: silentLogger,
  });
  const startScheduler = async (schedulerId = "s-1"): Promise<Scheduler> => {
    const scheduler = new Scheduler({ ...schedulerParts(), schedulerId });
    schedulers.push(scheduler);
    await scheduler.start();
    await until(() => scheduler.heldShards().length === shardCount);
    for (const host of hosts) host.beat();
    return scheduler;
  };
  const startHost = (): TestHost => {
    const host = new TestHost(bus);
    hosts.push(host);
    return host;
  };
  const settings = { runtime: "nodejs20", handler: "index.handler", memoryMib: 128, keepAliveMs };
  /** @param aliases by name, the version */
  const publish = async (
    name: string,
    version = "1",
    aliases: Readonly<Record<string, string>> = {},
  ): Promise<void> => {
    const named = Object.entries(aliases).map(([alias, to]) => ({ name: alias, version: to }));
    const about = { name, version, codeDigest: `sha256:${version}`, settings, aliases: named };
    const record = internal.v1.FunctionRecord.encode({ function: about }).finish();
    const part = { functionName: name, version, codeDigest: about.codeDigest, settings };
    const stored = internal.v1.VersionRecord.encode({ version: part }).finish();
    await storage.versions.put(`${name}.${version}`, stored);
    await storage.functions.put(name, record);
  };
  const call = async (name: string, ...atMs: number[]): Promise<void> => {
    const [functionName = "", qualifier = ""] = name.split(":");
    const arrivals = atMs.map((at) => ({ functionName, qualifier, at: toTimestamp(at) }));
    await tell(functionName, arrivals);
  };
  const tell = async (
    name: string,
    arrivals: tidepool.internal.v1.Arrival.$Properties[],
  ): Promise<void> => {
    await storage.client.publish(
      subjects.arrivals(subjects.shardOf(name, shardCount)),
      internal.v1.ArrivalBatch.encode({ arrivals }).finish(),
    );
  };
  /** Ten calls, the last of them now. @param name of the function, or "name:qualifier" */
  const callPeriodically = async (name: string, lastAtMs = Date.now()): Promise<number> => {
    await call(name, ...Array.from({ length: 10 }, (_, i) => lastAtMs - (9 - i) * periodMs));
    return lastAtMs;
  };
  const forecastOf = (name: string): Promise<Forecast> =>
    bus.request(
      "get forecast",
      subjects.getForecast(subjects.shardOf(name, shardCount)),
      {
        codec: internal.v1.ForecastRequest,
        message: internal.v1.ForecastRequest.create({ functionName: name }),
      },
      tidepool.v1.GetForecastResponse,
    );
  const acquire = (
    name: string,
    requestId: string,
    timeoutMs = 2_000,
  ): Promise<tidepool.internal.v1.AcquireReply.$Properties> =>
    bus.request(
      "acquire VM",
      subjects.acquireVm(subjects.shardOf(name, shardCount)),
      {
        codec: internal.v1.AcquireRequest,
        message: internal.v1.AcquireRequest.create({
          requestId,
          function: {
            name,
            version: "1",
            codeDigest: "sha256:1",
            settings: { runtime: "nodejs20", memoryMib: 128, keepAliveMs },
          },
        }),
      },
      internal.v1.AcquireReply,
      { timeoutMs },
    );

  it("has a VM waiting in a host before each window, and tells the host when to let it go", async () => {
    const host = startHost();
    await publish("tick");
    await startScheduler();
    let dueAtMs = await callPeriodically("tick");
    for (let round = 1; round <= 3; round += 1) {
      dueAtMs += periodMs;
      await until(() => host.assigns.length >= round);
      const prewarm = host.assigns.at(-1);
      assert.equal(prewarm?.requestId, "");
      assert.ok(prewarm.atMs < (prewarm.windowStartAtMs ?? 0), "ordered before its window");
      assert.ok(
        (prewarm.windowStartAtMs ?? 0) <= dueAtMs && dueAtMs <= (prewarm.windowEndAtMs ?? 0),
      );
      await systemClock.sleep(dueAtMs - Date.now());
      assert.equal(host.assigns.length, round, "one pre-warm for each window");
      const keepCount = host.keeps.length;
      await call("tick", dueAtMs);
      await until(() => host.keeps.length > keepCount);
      const keep = host.keeps.at(-1);
      assert.ok((keep?.keepUntilMs ?? 0) < dueAtMs + periodMs - 500, "released between windows");
    }
  });

  it("lowers the target with one function learned, further with two, and restores it when they stop", async () => {
    startHost();
    await publish("one");
    await publish("two");
    await startScheduler();
    await until(() => target === 8);
    await callPeriodically("one");
    await until(() => target !== undefined && target < 8);
    const withOne = target ?? 0;
    await callPeriodically("two");
    await until(() => target !== undefined && target < withOne);
    await until(() => target === 8);
  });

  it("neither pre-warms nor cuts for calls at random", async () => {
    const host = startHost();
    await publish("random");
    await startScheduler();
    await until(() => target === 8);
    const gapsMs = [310, 2_900, 95, 1_210, 640, 4_400, 150, 780, 2_050, 60, 1_730, 505, 3_300, 870];
    let atMs = Date.now() - gapsMs.reduce((a, b) => a + b, 0);
    const atMsOfAll = gapsMs.map((gapMs) => (atMs += gapMs));
    await call("random", ...atMsOfAll);
    await until(async () => (await forecastOf("random")).callsSeen === 14);
    await systemClock.sleep(1_500);
    assert.equal((await forecastOf("random")).degree, 0);
    assert.equal(host.assigns.length, 0);
    assert.ok((target ?? 0) >= 8);
  });

  it("gives the same VM for the same request, asked at once or again", async () => {
    const host = startHost();
    await publish("hello");
    await startScheduler();
    host.beat();
    const [first, second] = await Promise.all([acquire("hello", "r-1"), acquire("hello", "r-1")]);
    assert.deepEqual(first, second);
    assert.deepEqual(await acquire("hello", "r-1"), first);
    assert.deepEqual({ ...first }, { hostId: "h-1", hostAddress: "127.0.0.1:7000", vmId: "vm-1" });
    assert.equal(host.assigns.length, 1);
    assert.equal(host.assigns[0]?.requestId, "r-1");
  });

  it("says why there is no capacity when no host has reported", async () => {
    await startScheduler();
    await assert.rejects(acquire("hello", "r-1"), {
      code: "noCapacity",
      message: /hello@1 needs 128 MiB, no host has reported/,
    });
  });

  it("forecasts the same after a restart, from its snapshot and the arrivals since", async () => {
    await publish("tick");
    const first = await startScheduler();
    const lastAtMs = await callPeriodically("tick");
    await until(async () => ((await forecastOf("tick")).degree ?? 0) > 0);
    await first.stop();
    await call("tick", lastAtMs + 5); // while nobody listens
    await startScheduler();
    const after = await forecastWhenRead("tick");
    assert.equal(after.callsSeen, 11);
    await schedulers.at(-1)?.stop();
    await startScheduler();
    const again = await forecastWhenRead("tick");
    assert.deepEqual(window(again), window(after));
    assert.equal(again.degree, after.degree);
  });

  it("forecasts the same after its process was killed and another has taken its shards", async () => {
    await publish("tick");
    const lost = await nats.connect();
    const first = new Scheduler({
      ...schedulerParts(),
      bus: lost,
      storage: await ensureStorage(lost),
      schedulerId: "s-1",
    });
    schedulers.push(first);
    await first.start();
    await until(() => first.heldShards().length === shardCount);
    // Far apart: none is due while the shards move.
    const lastAtMs = Date.now();
    await call("tick", ...Array.from({ length: 10 }, (_, i) => lastAtMs - (9 - i) * 600_000));
    await until(async () => ((await forecastOf("tick")).degree ?? 0) > 0);
    const before = await forecastOf("tick");
    await lost.connection.close(); // as a kill does: nothing is saved, nothing given back
    await startScheduler("s-2");
    const after = await forecastWhenRead("tick");
    assert.deepEqual(window(after), window(before));
    assert.deepEqual([after.degree, after.callsSeen], [before.degree, before.callsSeen]);
  });

  const forecastWhenRead = async (name: string): Promise<Forecast> => {
    let found: Forecast | undefined;
    await until(async () => {
      found = await forecastOf(name).catch(() => undefined);
      return found !== undefined;
    });
    assert.ok(found !== undefined);
    return found;
  };
  const window = ({ windows = [], periodMs: period }: Forecast): unknown => ({
    period,
    starts: windows.map(({ startAt }) => fromTimestamp(startAt)),
  });

  it("hands shards over to a scheduler that joins, without forgetting and under a higher epoch", async () => {
    const host = startHost();
    const names = Array.from({ length: 8 }, (_, i) => `tick-${i}`);
    await Promise.all(names.map((name) => publish(name)));
    const first = await startScheduler("s-1");
    const lastAtMs = Date.now() - periodMs;
    await Promise.all(names.map((name) => callPeriodically(name, lastAtMs)));
    for (const name of names) {
      await until(async () => ((await forecastOf(name)).degree ?? 0) > 0);
    }
    const second = new Scheduler({ ...schedulerParts(), schedulerId: "s-2" });
    schedulers.push(second);
    await second.start();
    await until(() => {
      const [ofFirst, ofSecond] = [first.heldShards(), second.heldShards()];
      return ofSecond.length > 0 && ofFirst.length + ofSecond.length === shardCount;
    });
    for (const name of names) {
      const { callsSeen, periodMs: found } = await forecastWhenRead(name);
      assert.equal(callsSeen, 10);
      assert.ok(Math.abs((found ?? 0) - periodMs) < 1);
    }
    const moved = names.find((name) =>
      second.heldShards().includes(subjects.shardOf(name, shardCount)),
    );
    assert.ok(moved !== undefined);
    await acquire(moved, "r-1");
    assert.equal(host.assigns.find(({ requestId }) => requestId === "r-1")?.epoch, 2);
  });

  it("prepares the new version when one is published while its VM waits", async () => {
    const host = startHost();
    await publish("tick");
    await startScheduler();
    await callPeriodically("tick");
    await until(() => host.assigns.length === 1);
    await publish("tick", "2");
    await until(() => host.assigns.some(({ version }) => version === "2"));
  });

  it("prepares as many VMs of a version that takes over as the one before has", async () => {
    const host = startHost();
    await publish("hello");
    await startScheduler();
    host.beat();
    await Promise.all([acquire("hello", "r-1"), acquire("hello", "r-2")]);
    host.idle.set("hello@1", 2);
    host.beat();
    await call("hello", Date.now() - 10, Date.now());
    await until(async () => (await forecastOf("hello")).callsSeen === 2);
    await publish("hello", "2");
    const ofNew = (): readonly TestAssign[] =>
      host.assigns.filter(({ version }) => version === "2");
    await until(() => ofNew().length === 2);
    assert.ok(ofNew().every(({ requestId, windowStartAtMs }) => !requestId && !windowStartAtMs));
    await publish("hello", "2");
    await publish("hello", "1");
    await systemClock.sleep(300);
    assert.deepEqual([ofNew().length, host.assigns.length], [2, 4], "version 1 has its VMs still");
  });

  it("pre-warms the version that most calls' alias names, and the next one when the alias moves", async () => {
    const host = startHost();
    for (const version of ["1", "2", "3"]) await publish("tick", version);
    await publish("tick", "3", { live: "1" });
    await startScheduler();
    await callPeriodically("tick:live");
    await until(() => host.assigns.length > 0);
    assert.deepEqual(new Set(host.assigns.map(({ version }) => version)), new Set(["1"]));
    await publish("tick", "3", { live: "2" });
    await until(() => host.assigns.some(({ version }) => version === "2"));
    await call("tick:live", Date.now());
    const before = host.assigns.length;
    await until(() => host.assigns.length > before);
    assert.equal(host.assigns.at(-1)?.version, "2");
    assert.ok(host.assigns.every(({ version }) => version !== "3"));
  });

  it("lets every VM go when the function is deleted", async () => {
    const host = startHost();
    await publish("hello");
    await startScheduler();
    host.beat();
    await acquire("hello", "r-1");
    await storage.functions.delete("hello");
    await until(() => {
      const keep = host.keeps.at(-1);
      return keep?.name === "hello" && keep.count === 0;
    });
  });

  it("goes on after nats-server was stopped and started, under a new epoch", async () => {
    const host = startHost();
    await publish("tick");
    const scheduler = await startScheduler();
    await callPeriodically("tick");
    await until(() => host.assigns.length === 1);
    await nats.restart(async () => {
      await until(() => scheduler.heldShards().length === 0);
      await assert.rejects(acquire("tick", "r-1", 200), { code: "timeout" });
    });
    await until(() => scheduler.heldShards().length === shardCount);
    await callPeriodically("tick");
    await until(() => (host.assigns.at(-1)?.epoch ?? 0) > 1);
    host.beat();
    assert.equal((await acquire("tick", "r-1")).hostId, "h-1");
    await publish("late");
    await call("late", Date.now());
    await until(async () => (await forecastOf("late")).callsSeen === 1);
  });
});
