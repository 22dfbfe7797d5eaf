/**
 * One trace, hurried so that it lasts seconds, once through the simulator and once through the live scheduler
 * on a real nats-server, with a host that answers as a host-agent does but has no VMs: the decisions are the
 * same. Windows follow from the arrivals alone and must agree to the millisecond; how long a VM stays counts
 * from when the scheduler heard of a call, and may be later by as much.
 */
import assert from "node:assert/strict";
import { ensureStorage } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import { aNats } from "@tidepool/actors/testing";
import type { TestNats } from "@tidepool/actors/testing";
import { silentLogger, systemClock } from "@tidepool/common";
import { planPolicyDefault, policies, replayFunction } from "@tidepool/policy";
import { fromTimestamp, subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { Scheduler } from "./scheduler.ts";

const { internal } = tidepool;
const shardCount = 1;
const keepAliveMs = 3_000;
const prepareP95Ms = 60;
const endMs = 20_500;
/** Rounding on the wire. */
const windowToleranceMs = 2;
/** From a call to the host's hearing what follows from it, on a busy machine; less than between two calls. */
const hearingMaxMs = 500;

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

interface Decisions {
  /** Of the VMs ordered ahead: when their window begins and ends. */
  readonly windows: { readonly startMs: number; readonly endMs: number }[];
  /** For each call after which VMs do not stay for the keep-alive: until when they do. */
  readonly keeps: { readonly callMs: number; readonly untilMs: number }[];
}

describe("Simulator and live scheduler", () => {
  let nats: TestNats;
  let bus: Bus;
  let storage: Storage;
  let scheduler: Scheduler;
  let host: TestHost;

  beforeEach(async () => {
    nats = await aNats("host");
    bus = nats.bus;
    storage = await ensureStorage(bus);
    host = new TestHost(bus);
    scheduler = new Scheduler({
      bus,
      storage,
      schedulerId: "s-1",
      shardCount,
      warmingPolicy: { base: 8, floor: 1, ceiling: 32 },
      logger: silentLogger,
    });
    for (const name of Object.keys(trace)) {
      const record = { function: { name, version: "1", codeDigest: "sha256:1", settings } };
      await storage.functions.put(name, internal.v1.FunctionRecord.encode(record).finish());
    }
    await scheduler.start();
    while (scheduler.heldShards().length < shardCount) await systemClock.sleep(10);
    host.beat();
  });
  afterEach(async () => {
    await scheduler.stop();
    await host.stop();
    await nats.stop();
  });

  it("pre-warm for the same windows and keep until the same instants", async () => {
    const startAtMs = Math.ceil(systemClock.nowMs()) + 200;
    await playLive(startAtMs);
    let windows = 0;
    let keeps = 0;
    for (const name of Object.keys(trace)) {
      const simulated = simulatedDecisions(name, startAtMs);
      const live = host.decisionsOf(name, startAtMs);
      const near = (what: string, a: number, b: number, earlyMs: number, lateMs: number): void =>
        assert.ok(
          b >= a - earlyMs && b <= a + lateMs,
          `${name}, ${what}: ${a} simulated, ${b} live`,
        );
      assert.equal(
        live.windows.length,
        simulated.windows.length,
        `${name}: ${JSON.stringify([simulated.windows, live.windows])}`,
      );
      for (const [i, window] of simulated.windows.entries()) {
        const found = live.windows[i];
        near("window", window.startMs, found?.startMs ?? NaN, windowToleranceMs, windowToleranceMs);
        near("window", window.endMs, found?.endMs ?? NaN, windowToleranceMs, windowToleranceMs);
      }
      for (const { callMs, untilMs } of simulated.keeps) {
        const told = live.keeps.findLast(
          (one) => one.callMs <= callMs + hearingMaxMs && one.callMs >= callMs,
        );
        near(
          `kept after ${callMs}`,
          untilMs,
          told?.untilMs ?? NaN,
          windowToleranceMs,
          // It counts from when the scheduler heard of the call, which is before the host was told.
          (told?.callMs ?? NaN) - callMs,
        );
      }
      windows += simulated.windows.length;
      keeps += simulated.keeps.length;
      if (name === "random") assert.deepEqual(simulated, { windows: [], keeps: [] });
    }
    assert.ok(windows >= 24 && keeps >= 20, `${windows} windows and ${keeps} keeps compared`);
  });

  /** As frontend and host do: an idle VM serves a call, else one is acquired; then the arrival is told. */
  async function playLive(startAtMs: number): Promise<void> {
    const calls = Object.entries(trace)
      .flatMap(([name, all]) => [...new Set(all)].map((atMs) => ({ name, atMs })))
      .toSorted((a, b) => a.atMs - b.atMs);
    await Promise.all(
      calls.map(async ({ name, atMs }) => {
        await systemClock.sleep(startAtMs + atMs - systemClock.nowMs());
        const count = trace[name]?.filter((one) => one === atMs).length ?? 0;
        const missing = Math.max(0, count - host.idleCount(name));
        for (let i = 0; i < missing; i += 1) await acquire(name, `${name}-${atMs}-${i}`);
        const arrival = { functionName: name, at: toTimestamp(startAtMs + atMs) };
        const arrivals = Array.from({ length: count }, () => arrival);
        await storage.client.publish(
          subjects.arrivals(subjects.shardOf(name, shardCount)),
          internal.v1.ArrivalBatch.encode({ arrivals }).finish(),
        );
      }),
    );
    await systemClock.sleep(startAtMs + endMs - systemClock.nowMs());
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
});

const settings = { runtime: "nodejs20", handler: "index.handler", memoryMib: 128, keepAliveMs };

/** What the simulator decides on one function's calls, between the trace's start and end. */
function simulatedDecisions(name: string, startAtMs: number): Decisions {
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
        windows.push({ startMs, endMs: prewarm.windowEndAtMs - startAtMs });
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

/** A VM is idle as soon as it is assigned, and goes at the instant that was named. */
class TestHost {
  private readonly vms = new Map<string, number>();
  private readonly orders: { name: string; startAtMs: number; endAtMs: number }[] = [];
  private readonly told: { name: string; atMs: number; untilAtMs: number }[] = [];
  private readonly releases = new Map<string, NodeJS.Timeout>();
  private readonly bus: Bus;
  private readonly parts: Stoppable[];
  private readonly timer: NodeJS.Timeout;

  constructor(bus: Bus) {
    this.bus = bus;
    const { AssignRequest, AssignReply, KeepRequest, Ack } = internal.v1;
    this.parts = [
      bus.serve("assign VM", subjects.assignVm("h-1"), AssignRequest, AssignReply, (request) => {
        const name = request.function?.name ?? "";
        const window = request.window;
        if (window && !request.requestId) {
          const startAtMs = fromTimestamp(window.startAt) ?? NaN;
          this.orders.push({ name, startAtMs, endAtMs: fromTimestamp(window.endAt) ?? NaN });
        }
        this.vms.set(name, this.idleCount(name) + 1);
        this.releaseAt(name, fromTimestamp(request.keepUntil) ?? Date.now() + keepAliveMs);
        this.beat();
        return Promise.resolve(AssignReply.create({ vmId: `vm-${request.assignmentId}` }));
      }),
      bus.serve("keep VMs", subjects.keepVms("h-1"), KeepRequest, Ack, (request) => {
        const { functionName: name = "", count = 0 } = request;
        const untilAtMs = fromTimestamp(request.keepUntil) ?? NaN;
        if (count > 0) this.told.push({ name, atMs: Date.now(), untilAtMs });
        this.releaseAt(name, untilAtMs);
        return Promise.resolve(Ack.create({}));
      }),
    ];
    this.timer = setInterval(() => this.beat(), 500);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    for (const timer of this.releases.values()) clearTimeout(timer);
    await Promise.all(this.parts.map((part) => part.stop()));
  }

  idleCount(name: string): number {
    return this.vms.get(name) ?? 0;
  }

  decisionsOf(name: string, startAtMs: number): Decisions {
    // One order for each VM of a window.
    const windows = new Map(
      this.orders
        .filter((order) => order.name === name && order.startAtMs < startAtMs + endMs)
        .map((order) => [Math.round(order.startAtMs), order]),
    );
    return {
      windows: [...windows.values()].map((order) => ({
        startMs: order.startAtMs - startAtMs,
        endMs: order.endAtMs - startAtMs,
      })),
      keeps: this.told
        .filter((keep) => keep.name === name)
        .map(({ atMs, untilAtMs }) => ({
          callMs: atMs - startAtMs,
          untilMs: untilAtMs - startAtMs,
        })),
    };
  }

  beat(): void {
    const functions = [...this.vms].map(([name, idle]) => ({
      name,
      version: "1",
      idle,
      busy: 0,
      loading: 0,
    }));
    this.bus.publish(
      subjects.hostHeartbeat("h-1"),
      internal.v1.HostHeartbeat,
      internal.v1.HostHeartbeat.create({
        hostId: "h-1",
        at: toTimestamp(Date.now()),
        address: "127.0.0.1:7000",
        memoryMib: 8_192,
        vmCountMax: 32,
        pools: [{ runtime: "nodejs20", memoryMib: 128, ready: 4, prepareP95Ms }],
        functions,
      }),
    );
  }

  private releaseAt(name: string, atMs: number): void {
    clearTimeout(this.releases.get(name));
    const release = (): void => {
      this.vms.delete(name);
      this.beat();
    };
    this.releases.set(name, setTimeout(release, Math.max(0, atMs - Date.now())));
  }
}
