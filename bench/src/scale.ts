/**
 * One shard with many functions, in a trace's proportions: what each costs in memory, how many calls a second
 * it takes in, how long the work of one tick is, and how soon it is back from its snapshot. It runs the policy
 * that is live, with a shard's own records, wakes and snapshots, and a real nats-server; no hosts, and no
 * decoding of arrivals from the wire.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import { silentLogger, TidepoolError } from "@tidepool/common";
import { planPolicyDefault, policies } from "@tidepool/policy";
import type { FunctionPolicy, FunctionRecord } from "@tidepool/policy";
import { createState, NatsSnapshotStore, WakeHeap } from "@tidepool/scheduler/measuring";
import type { FunctionState } from "@tidepool/scheduler/measuring";
import type { Claim, Report } from "./report.ts";
import { quantile, rowOf } from "./stats.ts";
import type { Row } from "./stats.ts";
import { drawPatterns, tracePath } from "./trace-mix.ts";
import type { Pattern } from "./trace-mix.ts";

const sizes = (process.env["BENCH_FUNCTIONS"] ?? "10000,100000,1000000").split(",").map(Number);
const patternCount = 2_000;
/** Of virtual time, that calls and wakes are measured in. */
const measuredMs = 60_000;
/** A frontend sends its calls on so often. */
const tickMs = 50;
const settings = planPolicyDefault;
const policy: FunctionPolicy = policies.learned;

export async function benchScale(): Promise<Report> {
  const patterns = await drawPatterns(patternCount);
  const learned = patterns.map(learn);
  const rows: Row[] = [];
  const claims: Claim[] = [];
  for (const size of sizes) {
    const { figures, ticksMs } = await measure(size, patterns, learned);
    rows.push(rowOf(`a tick of ${tickMs} ms, ${size} functions`, ticksMs));
    claims.push(...figures);
  }
  return {
    title: `one shard with the mix of ${tracePath.split("/").at(-1) ?? ""}, policy '${policy.name}'`,
    accelerator: "none",
    rows,
    claims,
  };
}

function learn({ atMs }: Pattern): FunctionRecord {
  let record = policy.createRecord(settings);
  for (const at of atMs) record = policy.noteArrival(record, settings, at);
  return record;
}

async function measure(
  size: number,
  patterns: readonly Pattern[],
  learned: readonly FunctionRecord[],
): Promise<{ figures: Claim[]; ticksMs: number[] }> {
  const startMs = patterns[0]?.endMs ?? 0;
  const storeDir = await mkdtemp(join(tmpdir(), "tidepool-scale-"));
  const server = await startNatsServer({ storeDir });
  const bus = await connectBus({
    servers: server.url,
    name: "bench",
    component: "scheduler",
    logger: silentLogger,
  });
  try {
    const store = new NatsSnapshotStore(await ensureStorage(bus), silentLogger);
    const records = new Map<string, FunctionRecord>();
    for (let i = 0; i < size; i += 1) {
      const record = learned[i % patternCount];
      if (record !== undefined) records.set(nameOf(i), record);
    }
    const lease = { shard: 0, epoch: 1 };
    await store.save(lease, { sequence: 1, records, ledgers: new Map() });
    records.clear();

    const bytesBefore = usedBytes();
    const beganAtMs = performance.now();
    const shard = new MeasuredShard();
    for (const [name, record] of (await store.load(lease.shard)).records)
      shard.add(createState(name, record), startMs);
    const restoredMs = performance.now() - beganAtMs;
    if (shard.size !== size)
      throw new TidepoolError("internal", `restored ${shard.size} of ${size} functions`);
    const bytesEach = (usedBytes() - bytesBefore) / size;

    const { calls, callsMs, ticksMs } = run(shard, size, patterns, startMs);
    const of = `${size} functions`;
    const figures: Claim[] = [
      { what: `${of}: memory each`, value: bytesEach, unit: "bytes", bound: { atMost: 2_048 } },
      {
        what: `${of}: calls taken in`,
        value: (calls * 1_000) / callsMs,
        unit: "a second",
        bound: { atLeast: 50_000 },
      },
      {
        what: `${of}: work of a tick, 99th percentile`,
        value: quantile(ticksMs, 0.99),
        unit: "ms",
        bound: { atMost: 50 },
      },
      {
        what: `${of}: restored from its snapshot and planned`,
        value: restoredMs / 1_000,
        unit: "s",
        bound: { atMost: 60 },
      },
    ];
    return { figures, ticksMs };
  } finally {
    await bus.close();
    await server.stop();
    await rm(storeDir, { recursive: true, force: true });
  }
}

/** The trace's day begins again at `startMs`: its first minute of calls, and the wakes that fall due in it. */
function run(
  shard: MeasuredShard,
  size: number,
  patterns: readonly Pattern[],
  startMs: number,
): { calls: number; callsMs: number; ticksMs: number[] } {
  const ticks: Call[][] = [];
  for (let i = 0; i < size; i += 1) {
    for (const sinceMs of patterns[i % patternCount]?.atMs ?? []) {
      if (sinceMs >= measuredMs) break;
      const call = { name: nameOf(i), atMs: startMs + sinceMs };
      (ticks[Math.floor(sinceMs / tickMs)] ??= []).push(call);
    }
  }
  let calls = 0;
  let callsMs = 0;
  const ticksMs: number[] = [];
  for (let tick = 0; tick < measuredMs / tickMs; tick += 1) {
    const beganAtMs = performance.now();
    shard.receive(ticks[tick] ?? [], startMs + (tick + 1) * tickMs);
    const receivedAtMs = performance.now();
    shard.wake(startMs + (tick + 1) * tickMs);
    calls += ticks[tick]?.length ?? 0;
    callsMs += receivedAtMs - beganAtMs;
    ticksMs.push(performance.now() - receivedAtMs);
  }
  return { calls, callsMs, ticksMs };
}

interface Call {
  readonly name: string;
  readonly atMs: number;
}

/** What a shard does at a batch of calls and at a wake, without hosts. */
class MeasuredShard {
  private readonly states = new Map<string, FunctionState>();
  private readonly wakes = new WakeHeap();

  get size(): number {
    return this.states.size;
  }

  add(state: FunctionState, nowMs: number): void {
    this.states.set(state.name, state);
    this.plan(state, nowMs);
  }

  /** One batch: each call is learned from, each function called is planned for once. */
  receive(calls: readonly Call[], nowMs: number): void {
    const touched = new Set<FunctionState>();
    for (const { name, atMs } of calls) {
      const state = this.states.get(name);
      if (state === undefined) continue;
      state.record = policy.noteArrival(state.record, settings, atMs);
      touched.add(state);
    }
    for (const state of touched) this.plan(state, nowMs);
  }

  wake(nowMs: number): void {
    for (const name of this.wakes.takeDue(nowMs)) {
      const state = this.states.get(name);
      if (state !== undefined) this.plan(state, nowMs);
    }
  }

  private plan(state: FunctionState, nowMs: number): void {
    const { prewarm, nextWakeAtMs } = policy.decide(
      state.record,
      settings,
      { idleVmCount: 0 },
      nowMs,
    );
    if (prewarm !== undefined && prewarm.startAtMs <= nowMs)
      state.record = policy.notePrewarmed(state.record, prewarm);
    policy.functionDemand(state.record, settings, nowMs);
    const isLater = nextWakeAtMs !== undefined && nextWakeAtMs > nowMs;
    this.wakes.set(state.name, isLater ? nextWakeAtMs : undefined);
  }
}

const nameOf = (index: number): string => `function-${index}`;

/** What is reachable: garbage is collected first. */
function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
