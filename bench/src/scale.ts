/**
 * One shard with many functions, in a trace's proportions: what each costs in memory and in the snapshot, how
 * many calls a second it takes in, how long the work of one turn is, and how soon it is back. It runs the shard
 * itself, from the bytes of its arrivals and a snapshot in a real nats-server; time is the trace's; one host has a
 * VM for every order. The functions know the trace but its last minutes, which are measured. Calls of a row that stands
 * for many functions come at one instant, but no two functions are alike to the forecast, which shares nothing among them.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import { silentLogger, TidepoolError } from "@tidepool/common";
import { demandOf, planPolicyDefault, policyNamed, seededRandom } from "@tidepool/policy";
import type { FunctionRecord } from "@tidepool/policy";
import { tidepool, toTimestamp } from "@tidepool/proto";
import {
  encodeMemory,
  NatsSnapshotStore,
  parseArrivals,
  Shard,
} from "@tidepool/scheduler/measuring";
import type { StoredFunction } from "@tidepool/scheduler/measuring";
import type { Bound, Claim, Report } from "./report.ts";
import { MeasuredWorld, nameOf } from "./scale-world.ts";
import { quantile, rowOf } from "./stats.ts";
import type { Row } from "./stats.ts";
import { drawPatterns, tracePath } from "./trace-mix.ts";
import type { Pattern } from "./trace-mix.ts";

const sizes = (process.env["BENCH_FUNCTIONS"] ?? "10000,100000,1000000").split(",").map(Number);
const policy = policyNamed(process.env["BENCH_POLICY"] ?? "learned");
const patternCount = Number(process.env["BENCH_PATTERNS"] ?? "2500");
/** The end of the trace, that calls and wakes are measured in. */
const measuredMs = Number(process.env["BENCH_SECONDS"] ?? "300") * 1_000;
/** A frontend sends its calls on so often, or when it has so many. */
const tickMs = 50;
const callsPerBatch = 500;
const settings = planPolicyDefault;
const { ArrivalBatch: ArrivalBatchWire } = tidepool.internal.v1;

export async function benchScale(): Promise<Report> {
  const patterns = await drawPatterns(patternCount);
  const startMs = (patterns[0]?.endMs ?? 0) - measuredMs;
  const learned = patterns.map((pattern) => learn(pattern, startMs));
  const rows: Row[] = [];
  const claims: Claim[] = [];
  for (const size of sizes) {
    const { figures, turnsMs } = await measure(size, patterns, learned, startMs);
    rows.push(rowOf(`a turn of planning, ${size} functions`, turnsMs));
    claims.push(...figures);
  }
  return {
    title: `one shard with the mix of ${tracePath.split("/").at(-1) ?? ""}, policy '${policy.name}'`,
    accelerator: "none",
    rows,
    claims,
  };
}

interface Learned extends Omit<StoredFunction, "name" | "memory"> {
  readonly record: FunctionRecord;
}

function learn({ atMs }: Pattern, nowMs: number): Learned {
  let record = policy.createRecord(settings);
  for (const at of atMs) if (at < nowMs) record = policy.noteArrival(record, settings, at);
  const part = policy.functionDemand(record, settings, nowMs);
  return {
    record,
    sequence: 1,
    wakeAtMs: policy.decide(record, settings, { idleVmCount: 0 }, nowMs).nextWakeAtMs,
    version: "1",
    demand: part.count > 0 ? { demand: demandOf(part), isPeriodic: part.degree > 0 } : undefined,
    qualifier: "",
  };
}

async function measure(
  size: number,
  patterns: readonly Pattern[],
  learned: readonly Learned[],
  startMs: number,
): Promise<{ figures: Claim[]; turnsMs: number[] }> {
  const storeDir = await mkdtemp(join(tmpdir(), "tidepool-scale-"));
  const server = await startNatsServer({ storeDir });
  const bus = await connectBus({
    servers: server.url,
    name: "bench",
    component: "scheduler",
    logger: silentLogger,
  });
  try {
    const storage = await ensureStorage(bus);
    const store = new NatsSnapshotStore(storage, silentLogger);
    const savingAtMs = performance.now();
    await store.save({ shard: 0, epoch: 1 }, 1, functionsOf(size, learned));
    const savedMs = performance.now() - savingAtMs;
    const snapshotBytes = (await storage.snapshots.status()).size / size;

    const bytesBefore = usedBytes();
    const beganAtMs = performance.now();
    const world = new MeasuredWorld(policy, store, startMs, size);
    for (let i = 0; i < size; i += 1) {
      const latestMs = learned[i % learned.length]?.record.history.ticks.at(-1)?.atMs ?? 0;
      world.keepUntil(nameOf(i), latestMs + settings.keepAliveMs);
    }
    const shard = new Shard(world.parts, 0);
    await shard.start();
    const restoredMs = performance.now() - beganAtMs;
    const bytesRestored = (usedBytes() - bytesBefore) / size;

    const run = await runCalls(shard, world, size, patterns, startMs);
    const bytesWorked = (usedBytes() - bytesBefore) / size;
    if (world.seen !== size + run.calls)
      throw new TidepoolError(
        "internal",
        `${world.seen} of ${size} functions and ${run.calls} calls seen`,
      );
    const of = `${size} functions`;
    const claim = (what: string, value: number, unit: string, bound: Bound): Claim => ({
      what: `${of}: ${what}`,
      value,
      unit,
      bound,
    });
    const figures = [
      claim("memory each, restored", bytesRestored, "bytes", { atMost: 2_048 }),
      claim("memory each, after the calls", bytesWorked, "bytes", { atMost: 2_048 }),
      claim("snapshot each", snapshotBytes, "bytes", { atMost: 2_048 }),
      claim("calls taken in and planned for", (run.calls * 1_000) / run.callsMs, "a second", {
        atLeast: 50_000,
      }),
      claim(
        "calls taken in and planned for",
        (run.calls * 1_000) / run.callsProcessorMs,
        "a second of processor time",
        { atLeast: 50_000 },
      ),
      claim(
        "calls, with what fell due meanwhile",
        (run.calls * 1_000) / (run.callsProcessorMs + run.wakesMs),
        "a second of processor time",
        { atLeast: 50_000 },
      ),
      claim("turn of planning, 99th percentile", quantile(run.turnsMs, 0.99), "ms", { atMost: 50 }),
      claim(
        "turn of planning, 99th percentile",
        quantile(run.turnsProcessorMs, 0.99),
        "ms of processor time",
        {
          atMost: 50,
        },
      ),
      claim("longest turn of planning", Math.max(...run.turnsMs), "ms", { atMost: 200 }),
      claim(
        "busy at the trace's own rate",
        (run.callsProcessorMs + run.wakesMs) / measuredMs,
        "of one core",
        {
          atMost: 1,
        },
      ),
      claim("written into its snapshot", savedMs / 1_000, "s", { atMost: 60 }),
      claim("restored from its snapshot", restoredMs / 1_000, "s", { atMost: 60 }),
    ];
    return { figures, turnsMs: run.turnsMs };
  } finally {
    await bus.close();
    await server.stop();
    await rm(storeDir, { recursive: true, force: true });
  }
}

function* functionsOf(size: number, learned: readonly Learned[]): Generator<StoredFunction> {
  for (let i = 0; i < size; i += 1) {
    const one = learned[i % learned.length];
    if (one === undefined) continue;
    const { record, ...others } = one;
    const memory = encodeMemory({ record: unlike(record, i), ledger: undefined });
    yield { name: nameOf(i), memory, ...others };
  }
}

/**
 * The same calls, but forecasts that differ by next to nothing: those of one function are of no use to another. Of what
 * is forecast already it has its own, as a function has that was planned for before.
 */
function unlike(record: FunctionRecord, index: number): FunctionRecord {
  if (record.slots === undefined) return record;
  const calls = record.slots.calls.clone();
  calls.bias += index * 1e-12;
  calls.path = record.slots.calls.path;
  return { ...record, slots: { ...record.slots, calls } };
}

interface Run {
  readonly calls: number;
  /** Spent on calls and on the plans that follow them. */
  readonly callsMs: number;
  /** The same, of all threads, garbage collection among them: what a machine that is shared takes off does not count. */
  readonly callsProcessorMs: number;
  /** Spent on functions that were due without a call. */
  readonly wakesMs: number;
  readonly turnsMs: number[];
  readonly turnsProcessorMs: number[];
}

/** The calls of the trace from `startMs` on, and the wakes that fall due meanwhile. */
async function runCalls(
  shard: Shard,
  world: MeasuredWorld,
  size: number,
  patterns: readonly Pattern[],
  startMs: number,
): Promise<Run> {
  const ticks = ticksOf(size, patterns, startMs);
  const turnsMs: number[] = [];
  const turnsProcessorMs: number[] = [];
  let sequence = 1;
  let calls = 0;
  let wakesMs = 0;
  let callsMs = 0;
  let callsProcessorMs = 0;
  const watch = new Stopwatch();
  /** One look at the clocks a turn: to look takes microseconds itself. */
  const plan = (): Passed => {
    let wallMs = 0;
    let processorMs = 0;
    for (let isMore = true; isMore;) {
      isMore = shard.turn();
      const turn = watch.lap();
      turnsMs.push(turn.wallMs);
      turnsProcessorMs.push(turn.processorMs);
      wallMs += turn.wallMs;
      processorMs += turn.processorMs;
    }
    return { wallMs, processorMs };
  };
  for (let tick = 0; tick < measuredMs / tickMs; tick += 1) {
    world.nowMs = startMs + (tick + 1) * tickMs;
    watch.lap();
    wakesMs += plan().processorMs;
    const due = ticks[tick] ?? [];
    for (let from = 0; from < due.length; from += callsPerBatch) {
      const arrivals = due.slice(from, from + callsPerBatch).map(({ index, sinceMs }) => ({
        functionName: nameOf(index),
        version: "1",
        requestId: "0197a3c2-52f1-7000-8000-000000000000",
        at: toTimestamp(startMs + sinceMs),
      }));
      const bytes = ArrivalBatchWire.encode({ arrivals }).finish();
      calls += arrivals.length;
      sequence += 1;
      watch.lap();
      world.receive(parseArrivals(ArrivalBatchWire.decode(bytes), sequence, world.nowMs));
      const received = watch.lap();
      const planned = plan();
      callsMs += received.wallMs + planned.wallMs;
      callsProcessorMs += received.processorMs + planned.processorMs;
    }
    // What the shard sends is sent between its turns.
    await new Promise((resume) => setImmediate(resume));
  }
  // Calls that wait to be learned from are, when the functions are gathered: once with them, and once without.
  const endMs = world.nowMs;
  world.nowMs += longMs;
  shard.saveWhenDue();
  await new Promise((resume) => setImmediate(resume));
  world.nowMs = endMs;
  world.receive({ sequence: sequence + 1, arrivals: [] });
  await shard.stop(true);
  const [withCalls = 0, without = 0] = world.gatheredMs;
  const laterMs = Math.max(0, withCalls - without);
  callsMs += laterMs;
  callsProcessorMs += laterMs;
  return { calls, callsMs, callsProcessorMs, wakesMs, turnsMs, turnsProcessorMs };
}

/** After which a snapshot is due. */
const longMs = 3_600_000;

interface Passed {
  readonly wallMs: number;
  readonly processorMs: number;
}

class Stopwatch {
  private atMs = performance.now();
  private before = process.cpuUsage();

  /** Since the last time. */
  lap(): Passed {
    const { atMs, before } = this;
    this.before = process.cpuUsage();
    this.atMs = performance.now();
    const { user, system } = this.before;
    return {
      wallMs: this.atMs - atMs,
      processorMs: (user - before.user + system - before.system) / 1_000,
    };
  }
}

interface Call {
  readonly index: number;
  readonly sinceMs: number;
}

/** By ticks; those of one instant in an order that has nothing to do with names. */
function ticksOf(size: number, patterns: readonly Pattern[], startMs: number): Call[][] {
  const ticks: Call[][] = [];
  const random = seededRandom(7);
  const measured = patterns.map(({ atMs }) =>
    atMs.filter((at) => at >= startMs).map((at) => at - startMs),
  );
  for (let index = 0; index < size; index += 1) {
    for (const sinceMs of measured[index % measured.length] ?? []) {
      const tick = (ticks[Math.floor(sinceMs / tickMs)] ??= []);
      tick.push({ index, sinceMs });
      const other = Math.floor(random() * tick.length);
      [tick[other], tick[tick.length - 1]] = [tick.at(-1) as Call, tick[other] as Call];
    }
  }
  return ticks.map((tick) => tick.toSorted((a, b) => a.sinceMs - b.sinceMs));
}

/** Some of what nothing leads to any more is found only when what led to it is gone. */
const collections = 3;

/** What is reachable: garbage is collected first. */
function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  for (let i = 0; i < collections; i += 1) (runInNewContext("gc") as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
