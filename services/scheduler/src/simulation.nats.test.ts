/**
 * One trace, once through the simulator and once through the live scheduler on a real nats-server, with a host
 * that answers as a host-agent does but has no VMs: the decisions are the same. The scheduler's clock stands
 * until all that follows from an instant has happened, however long the machine takes for it.
 */
import assert from "node:assert/strict";
import { ensureStorage } from "@tidepool/actors";
import type { Bus, Storage } from "@tidepool/actors";
import { aNats, until } from "@tidepool/actors/testing";
import type { TestNats } from "@tidepool/actors/testing";
import { silentLogger } from "@tidepool/common";
import { planPolicyDefault, policies, replayFunction } from "@tidepool/policy";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { Scheduler } from "./scheduler.ts";
import { prepareP95Ms, TestHost } from "./testing/test-host.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";

const { internal } = tidepool;
const shardCount = 1;
const keepAliveMs = 3_000;
const startAtMs = 1_763_000_000_000;
const endMs = 20_500;
/** The scheduler is looked after in such steps: what falls due within one is done at its end. */
const stepMs = 1;
/** Rounding on the wire. */
const wireToleranceMs = 2;
/** A function for which nothing is planned is looked at again so long after a call at most. */
const quietMaxMs = keepAliveMs / 600 + stepMs;
/** However slow the machine is, it stays the shard's owner. */
const leaseTiming = {
  renewEveryMs: 1_000,
  memberTtlMs: 120_000,
  fenceMarginMs: 1_000,
  electionMaxMs: 12_000,
  drainMaxMs: 2_000,
};

const jitterMs = [0, 14, -9, 6, -17, 11, 3, -5];
const ticking = (periodMs: number, fromMs: number, dropped: readonly number[] = []): number[] =>
  Array.from({ length: Math.floor((endMs - 500 - fromMs) / periodMs) }, (_, i) => i)
    .filter((i) => !dropped.includes(i))
    .map((i) => fromMs + i * periodMs + (jitterMs[i % jitterMs.length] ?? 0));

/** When each function is called, from the start of the trace. */
const trace: Readonly<Record<string, readonly number[]>> = {
  tick: ticking(1_150, 300),
  "tick-dropped": ticking(1_300, 410, [10]),
  burst: ticking(1_600, 520).flatMap((atMs) => [atMs, atMs]),
  random: [700, 1_010, 3_910, 4_005, 5_215, 5_855, 10_255, 10_405, 11_185, 13_235, 13_295, 15_025],
};
const names = Object.keys(trace);

interface Decisions {
  /** For which VMs were ordered ahead: when each begins and ends, and how many VMs. */
  readonly windows: { readonly startMs: number; readonly endMs: number; vmCount: number }[];
  /** For each call after which VMs do not stay for the keep-alive: until when they do. */
  readonly keeps: { readonly callMs: number; readonly untilMs: number }[];
}

describe("Simulator and live scheduler", () => {
  let nats: TestNats;
  let bus: Bus;
  let storage: Storage;
  let clock: VirtualClock;
  let hostClock: VirtualClock;
  let scheduler: Scheduler;
  let host: TestHost;
  /** Of the scheduler, that are not answered yet. */
  let asked: Set<Promise<unknown>>;

  beforeEach(async () => {
    nats = await aNats("host");
    bus = nats.bus;
    storage = await ensureStorage(bus);
    clock = new VirtualClock(startAtMs - 60_000);
    hostClock = new VirtualClock(startAtMs);
    host = new TestHost(bus, "h-1", hostClock);
    asked = new Set();
    const ownBus = await nats.connect();
    const request = ownBus.request.bind(ownBus);
    ownBus.request = (...question) => {
      const answer = request(...question);
      asked.add(answer);
      const forget = (): void => void asked.delete(answer);
      answer.then(forget, forget);
      return answer;
    };
    scheduler = new Scheduler({
      bus: ownBus,
      storage,
      schedulerId: "s-1",
      shardCount,
      warmingPolicy: { base: 8, floor: 1, ceiling: 32 },
      logger: silentLogger,
      clock,
      leaseTiming,
    });
    for (const name of names) {
      const record = { function: { name, version: "1", codeDigest: "sha256:1", settings } };
      await storage.functions.put(name, internal.v1.FunctionRecord.encode(record).finish());
    }
    await scheduler.start();
    await until(async () => {
      await clock.moveTo(clock.nowMs() + 100);
      return scheduler.heldShards().length === shardCount;
    });
    host.beat();
    await until(async () => (await callsSeen("tick")) === 0);
  });
  afterEach(async () => {
    await scheduler.stop();
    await host.stop();
    await nats.stop();
  });

  it("pre-warm for the same windows and keep until the same instants", async () => {
    await playLive();
    let windows = 0;
    let keeps = 0;
    for (const name of names) {
      const simulated = simulatedDecisions(name);
      const live = liveDecisions(name);
      const near = (what: string, a: number, b = NaN, lateMs = 0): void =>
        assert.ok(
          b >= a - wireToleranceMs && b <= a + wireToleranceMs + lateMs,
          `${name}, ${what}: ${a} simulated, ${b} live`,
        );
      assert.equal(
        live.windows.length,
        simulated.windows.length,
        `${name}: ${JSON.stringify([simulated.windows, live.windows])}`,
      );
      for (const [i, window] of simulated.windows.entries()) {
        near("window", window.startMs, live.windows[i]?.startMs);
        near("window", window.endMs, live.windows[i]?.endMs);
        assert.equal(live.windows[i]?.vmCount, window.vmCount, `${name}: VMs at ${window.startMs}`);
      }
      for (const { callMs, untilMs } of simulated.keeps) {
        const told = live.keeps.find((one) => one.callMs >= callMs);
        near("told after", callMs, told?.callMs, quietMaxMs);
        near(`kept after ${callMs}`, untilMs, told?.untilMs, (told?.callMs ?? NaN) - callMs);
      }
      windows += simulated.windows.length;
      keeps += simulated.keeps.length;
      if (name === "random") assert.deepEqual(simulated, { windows: [], keeps: [] });
    }
    assert.ok(windows >= 24 && keeps >= 20, `${windows} windows and ${keeps} keeps compared`);
  });

  async function playLive(): Promise<void> {
    for (let atMs = 0; atMs <= endMs; atMs += stepMs) {
      // First what the host does by itself, so that the scheduler knows of it when it decides.
      const { beatCount } = host;
      await hostClock.moveTo(startAtMs + atMs);
      if (host.beatCount > beatCount) await heard();
      await clock.moveTo(startAtMs + atMs);
      await settle();
      for (const name of names) await call(name, atMs);
    }
  }

  /** As frontend and host do: an idle VM serves a call, else one is acquired; then the arrival is told. */
  async function call(name: string, atMs: number): Promise<void> {
    const count = trace[name]?.filter((one) => one === atMs).length ?? 0;
    if (count === 0) return;
    const missing = Math.max(0, count - host.idleCount(name));
    for (let i = 0; i < missing; i += 1) await acquire(name, `${name}-${atMs}-${i}`);
    const before = await callsSeen(name);
    const arrival = { functionName: name, at: toTimestamp(startAtMs + atMs) };
    await storage.client.publish(
      subjects.arrivals(subjects.shardOf(name, shardCount)),
      internal.v1.ArrivalBatch.encode({ arrivals: Array(count).fill(arrival) }).finish(),
    );
    await until(async () => (await callsSeen(name)) === before + count);
    await settle();
  }

  /** Until nothing is left to do at this instant. What a host tells before it answers is heard before the answer. */
  async function settle(): Promise<void> {
    do {
      while (scheduler.turn());
      await new Promise((resolve) => setImmediate(resolve));
      await Promise.allSettled(asked);
    } while (asked.size > 0);
  }

  /** The scheduler has heard all that was sent on this connection before. */
  async function heard(): Promise<void> {
    await callsSeen(names[0] ?? "");
  }

  async function callsSeen(name: string): Promise<number> {
    const { ForecastRequest } = internal.v1;
    const { callsSeen = 0 } = await bus.request(
      "get forecast",
      subjects.getForecast(subjects.shardOf(name, shardCount)),
      { codec: ForecastRequest, message: ForecastRequest.create({ functionName: name }) },
      tidepool.v1.GetForecastResponse,
    );
    return callsSeen;
  }

  async function acquire(name: string, requestId: string): Promise<void> {
    const version = { name, version: "1", codeDigest: "sha256:1", settings };
    const message = internal.v1.AcquireRequest.create({ requestId, function: version });
    await bus.request(
      "acquire VM",
      subjects.acquireVm(subjects.shardOf(name, shardCount)),
      { codec: internal.v1.AcquireRequest, message },
      internal.v1.AcquireReply,
    );
  }

  function liveDecisions(name: string): Decisions {
    const windows = new Map<number, Decisions["windows"][number]>();
    for (const order of host.assigns) {
      const { requestId, windowStartAtMs = NaN, windowEndAtMs = NaN } = order;
      if (order.name !== name || requestId !== "") continue;
      const startMs = windowStartAtMs - startAtMs;
      const window = windows.get(startMs) ?? {
        startMs,
        endMs: windowEndAtMs - startAtMs,
        vmCount: 0,
      };
      window.vmCount += 1;
      windows.set(startMs, window);
    }
    return {
      windows: [...windows.values()].filter(({ startMs }) => startMs < endMs),
      keeps: host.keeps
        .filter((keep) => keep.name === name && keep.count > 0)
        .map(({ atMs, keepUntilMs }) => ({
          callMs: atMs - startAtMs,
          untilMs: keepUntilMs - startAtMs,
        })),
    };
  }
});

const settings = { runtime: "nodejs20", handler: "index.handler", memoryMib: 128, keepAliveMs };

/** What the simulator decides on one function's calls, between the trace's start and end. */
function simulatedDecisions(name: string): Decisions {
  const windows: Decisions["windows"] = [];
  const keeps = new Map<number, number>();
  const calls = trace[name] ?? [];
  replayFunction(
    calls.map((atMs) => startAtMs + atMs),
    {
      policy: policies.learned,
      settings: { ...planPolicyDefault, keepAliveMs, prepareP95Ms },
      prepareMs: 0,
      callMs: 0,
      untilMs: startAtMs + endMs,
      onDecision: ({ keepUntilMs, prewarm }, atMs, reason) => {
        // Of calls at once the last decides.
        if (reason === "call") keeps.set(atMs, keepUntilMs);
        if (prewarm === undefined || prewarm.startAtMs > atMs || prewarm.orderCount === 0) return;
        const startMs = prewarm.windowStartAtMs - startAtMs;
        windows.push({
          startMs,
          endMs: prewarm.windowEndAtMs - startAtMs,
          vmCount: prewarm.orderCount,
        });
      },
    },
  );
  return {
    windows: windows.filter((window) => window.startMs < endMs),
    keeps: [...keeps]
      .filter(([atMs, untilMs]) => untilMs < atMs + keepAliveMs)
      .map(([atMs, untilMs]) => ({ callMs: atMs - startAtMs, untilMs: untilMs - startAtMs })),
  };
}
