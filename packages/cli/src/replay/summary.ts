/** What a replay came to. Pure: from the calls as they went and the pools as they were measured. */
import { fixedKeepAlive } from "./fixed-keep-alive.ts";

export const startKinds = ["predicted", "warm", "pool", "cold"] as const;
export type StartKind = (typeof startKinds)[number];

/** One call as it went. Instants are trace time from the start of the replay. */
export interface CallResult {
  readonly functionName: string;
  readonly ordinal: number;
  readonly atMs: number;
  /** Real time: a replay hurries the calls, not the functions. */
  readonly durationMs: number;
  /** From the instant the call was due to its answer, real time. */
  readonly latencyMs: number;
  /** Absent when the call failed before it had a VM. */
  readonly start?: StartKind;
  /** Real time before the call at which its VM was ready; 0 when it was not. */
  readonly readyBeforeMs: number;
  readonly failure?: { readonly code: string; readonly message: string };
}

export interface ReplaySummary {
  readonly speed: number;
  readonly functions: number;
  readonly calls: number;
  readonly starts: Readonly<Record<StartKind, number>>;
  /** Calls whose code had to be loaded after they came: pool and cold. */
  readonly coldStarts: number;
  readonly failures: number;
  readonly failuresByCode: Readonly<Record<string, number>>;
  /** VMs with a function's code that waited for a call, seconds of trace time. */
  readonly idleVmSeconds: number;
  /** Generic VMs that waited in the warming pool, seconds of trace time. */
  readonly genericVmSeconds: number;
  readonly fixedKeepAlive: { readonly coldStarts: number; readonly idleVmSeconds: number };
  /** Calls from the sixth on of functions with a fixed period. */
  readonly periodic: {
    readonly functions: number;
    readonly calls: number;
    readonly predictedOrWarm: number;
    readonly share: number | undefined;
    readonly readyBefore: number;
  };
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
  readonly wasInterrupted: boolean;
}

/** Score a function's calls from this one on: what came before is what its period is learned from. */
export const learnedFromOrdinal = 6;
export const keepAliveComparedMs = 600_000;

export function summarize(given: {
  readonly speed: number;
  readonly calls: readonly CallResult[];
  readonly periodicFunctions: ReadonlySet<string>;
  readonly idleVmSeconds: number;
  readonly genericVmSeconds: number;
  /** Trace time at which the measuring ended. */
  readonly endAtMs: number;
  readonly wasInterrupted: boolean;
}): ReplaySummary {
  const { calls, speed } = given;
  const starts: Record<StartKind, number> = { predicted: 0, warm: 0, pool: 0, cold: 0 };
  const failuresByCode: Record<string, number> = {};
  for (const { start, failure } of calls) {
    if (start !== undefined) starts[start] += 1;
    if (failure !== undefined)
      failuresByCode[failure.code] = (failuresByCode[failure.code] ?? 0) + 1;
  }
  const fixed = fixedKeepAlive(calls, keepAliveComparedMs, given.endAtMs);
  const learned = calls.filter(
    (call) => given.periodicFunctions.has(call.functionName) && call.ordinal >= learnedFromOrdinal,
  );
  const predictedOrWarm = learned.filter(
    ({ start }) => start === "predicted" || start === "warm",
  ).length;
  const latencies = calls.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
  return {
    speed,
    functions: new Set(calls.map(({ functionName }) => functionName)).size,
    calls: calls.length,
    starts,
    coldStarts: starts.pool + starts.cold,
    failures: calls.filter(({ failure }) => failure !== undefined).length,
    failuresByCode,
    idleVmSeconds: given.idleVmSeconds,
    genericVmSeconds: given.genericVmSeconds,
    fixedKeepAlive: { coldStarts: fixed.coldCount, idleVmSeconds: fixed.idleVmSeconds },
    periodic: {
      functions: new Set(learned.map(({ functionName }) => functionName)).size,
      calls: learned.length,
      predictedOrWarm,
      share: learned.length === 0 ? undefined : predictedOrWarm / learned.length,
      readyBefore: learned.filter(({ readyBeforeMs }) => readyBeforeMs > 0).length,
    },
    latencyP50Ms: quantile(latencies, 0.5),
    latencyP99Ms: quantile(latencies, 0.99),
    wasInterrupted: given.wasInterrupted,
  };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
