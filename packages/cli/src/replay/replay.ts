/**
 * Replays rows of a request trace against a running system, a function for each row: deploys them, makes
 * each call at its instant (trace time divided by the speed), measures the pools meanwhile, sums up.
 */
import { TidepoolError, given, systemClock } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { findFixedPeriod } from "./fixed-period.ts";
import { runOpenLoop } from "./open-loop.ts";
import { chooseRows, functionNameOf, planCalls } from "./schedule.ts";
import type { MinuteRange, PlannedCall } from "./schedule.ts";
import { summarize } from "./summary.ts";
import type { CallResult, ReplaySummary, StartKind } from "./summary.ts";
import type { TraceRow } from "./trace-file.ts";
import { createVmSeconds } from "./vm-seconds.ts";

export interface ForecastWindow {
  readonly startAtMs: number;
  readonly endAtMs: number;
  readonly expectedAtMs: number;
  readonly degree: number;
}

/** What a call that was answered says of its VM. */
export interface CallAnswer {
  readonly start: StartKind;
  readonly readyBeforeMs: number;
  readonly runMs: number;
  readonly window?: ForecastWindow;
}

export interface PoolLevel {
  readonly target: number;
  readonly baseTarget: number;
  /** Generic VMs that wait. */
  readonly generic: number;
  /** VMs with a function's code that wait. */
  readonly idle: number;
  readonly busy: number;
  readonly total: number;
  readonly periodicFunctions: number;
}

/** What a replay needs of the running system. */
export interface ReplaySystem {
  deploy(functionName: string, rowId: string): Promise<void>;
  call(functionName: string, call: PlannedCall): Promise<CallAnswer>;
  /** Calls `receive` until the signal ends it. */
  watchPools(receive: (level: PoolLevel) => void, signal: AbortSignal): Promise<void>;
}

export interface ReplayView {
  deployed(done: number, total: number): void;
  /** The calls begin: their number, and the real instant of trace time 0. */
  started(calls: number, startAtMs: number): void;
  called(call: PlannedCall, result: CallResult, answer: CallAnswer | undefined): void;
  pools(level: PoolLevel): void;
}

export interface ReplayOptions {
  readonly speed: number;
  readonly range: MinuteRange;
  readonly functionsMax: number;
  readonly concurrencyMax: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

const deploysAtOnce = 4;

export async function replay(
  allRows: readonly TraceRow[],
  system: ReplaySystem,
  view: ReplayView,
  options: ReplayOptions,
): Promise<ReplaySummary> {
  const { speed, clock = systemClock, signal } = options;
  const rows = chooseRows(allRows, options.range, options.functionsMax);
  if (rows.length === 0)
    throw new TidepoolError(
      "invalid",
      `no row has a call in minutes ${options.range.first} to ${options.range.last}`,
    );
  await deployAll(rows, system, view, signal);

  const periodicFunctions = new Set(
    allRows
      .filter((row) => findFixedPeriod(row.minutes) !== undefined)
      .map((row) => functionNameOf(row.id)),
  );
  const vmSeconds = createVmSeconds();
  const watching = new AbortController();
  const watch = system.watchPools((level) => {
    vmSeconds.sample(clock.nowMs(), level);
    view.pools(level);
  }, watching.signal);

  const startAtMs = clock.nowMs();
  const results: CallResult[] = [];
  const calls = planCalls(rows, options.range).map((call) => ({
    ...call,
    dueMs: call.atMs / speed,
  }));
  view.started(calls.length, startAtMs);
  const make = async (call: PlannedCall, dueAtMs: number): Promise<void> => {
    const { result, answer } = await makeCall(call, dueAtMs, system, clock);
    if (result.failure?.code === "cancelled" && signal?.aborted === true) return; // our own doing
    results.push(result);
    view.called(call, result, answer);
  };
  try {
    await runOpenLoop(calls, make, {
      concurrencyMax: options.concurrencyMax,
      clock,
      ...given({ signal }),
    });
  } finally {
    watching.abort();
    await watch.catch(() => {});
  }
  const endAtMs = clock.nowMs();
  const waited = vmSeconds.totals(endAtMs);
  return summarize({
    speed,
    calls: results,
    periodicFunctions,
    idleVmSeconds: waited.idle * speed,
    genericVmSeconds: waited.generic * speed,
    endAtMs: (endAtMs - startAtMs) * speed,
    wasInterrupted: signal?.aborted === true,
  });
}

async function deployAll(
  rows: readonly TraceRow[],
  system: ReplaySystem,
  view: ReplayView,
  signal: AbortSignal | undefined,
): Promise<void> {
  const names = new Map<string, string>();
  for (const row of rows) {
    const name = functionNameOf(row.id);
    const other = names.get(name);
    if (other !== undefined)
      throw new TidepoolError(
        "invalid",
        `rows '${other}' and '${row.id}' both make function ${name}`,
      );
    names.set(name, row.id);
  }
  const queue = [...names];
  let done = 0;
  const deployNext = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      signal?.throwIfAborted();
      await system.deploy(next[0], next[1]);
      done += 1;
      view.deployed(done, names.size);
    }
  };
  await Promise.all(Array.from({ length: deploysAtOnce }, deployNext));
}

async function makeCall(
  call: PlannedCall,
  dueAtMs: number,
  system: ReplaySystem,
  clock: Clock,
): Promise<{ result: CallResult; answer: CallAnswer | undefined }> {
  const { functionName, ordinal, atMs } = call;
  try {
    const answer = await system.call(functionName, call);
    const latencyMs = clock.nowMs() - dueAtMs;
    const { start, readyBeforeMs, runMs } = answer;
    const result = {
      functionName,
      ordinal,
      atMs,
      latencyMs,
      durationMs: runMs,
      start,
      readyBeforeMs,
    };
    return { result, answer };
  } catch (thrown) {
    const { code, message } = TidepoolError.from(thrown);
    const latencyMs = clock.nowMs() - dueAtMs;
    const failure = { code, message };
    const result = {
      functionName,
      ordinal,
      atMs,
      latencyMs,
      durationMs: 0,
      readyBeforeMs: 0,
      failure,
    };
    return { result, answer: undefined };
  }
}
