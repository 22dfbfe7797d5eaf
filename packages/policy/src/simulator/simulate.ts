/**
 * Many functions through one policy, to the second. Functions do not share VMs, so each is replayed by itself
 * from event to event; what they ask of the generic pool at the same time is added up by slot.
 */
import { poolDemand, type PoolDemand } from "./pool.ts";
import { replayFunction, type FunctionReplay, type ReplayOptions } from "./replay-function.ts";
import { sumBySlot } from "./slot-score.ts";
import { callInstants, type Workload } from "./workload.ts";

export interface SimulationOptions extends Pick<
  ReplayOptions,
  "policy" | "settings" | "prepareMs" | "callMs"
> {
  /** Slots before it are history only. */
  readonly scoreFromSlot: number;
  /** Told before each function. */
  readonly onProgress?: (done: number, total: number) => void;
}

export type Totals = Omit<FunctionReplay, "record">;
export interface FunctionTotals extends Totals {
  readonly id: string;
  readonly weight: number;
}

export interface Simulation {
  readonly policy: string;
  readonly functions: readonly FunctionTotals[];
  /** Each function as often as its weight says. */
  readonly weighted: Totals;
  /** Each function once. */
  readonly distinct: Totals;
  readonly pool: PoolDemand;
}

/** What some of the functions came to. */
export interface SimulationPart {
  readonly functions: readonly FunctionTotals[];
  readonly coldBySlot: Uint32Array;
}

export function simulate(workload: Workload, options: SimulationOptions): Simulation {
  return joinSimulation(options.policy.name, [simulatePart(workload, options)]);
}

/** The parts' functions in their order. */
export function joinSimulation(policy: string, parts: readonly SimulationPart[]): Simulation {
  const functions = parts.flatMap((part) => part.functions);
  return {
    policy,
    functions,
    weighted: sum(functions, ({ weight }) => weight),
    distinct: sum(functions, () => 1),
    pool: poolDemand(sumBySlot(parts.map(({ coldBySlot }) => coldBySlot))),
  };
}

export function simulatePart(workload: Workload, options: SimulationOptions): SimulationPart {
  const { functions, slotMs, slots } = workload;
  const { policy, settings, prepareMs, callMs, scoreFromSlot } = options;
  const coldBySlot = new Uint32Array(Math.max(0, slots - scoreFromSlot));
  const untilMs = slots * slotMs;
  const scoreFromMs = scoreFromSlot * slotMs;
  const reports = functions.map((calls, index): FunctionTotals => {
    options.onProgress?.(index, functions.length);
    const { record: _, ...totals } = replayFunction(callInstants(calls, slotMs), {
      policy,
      settings,
      prepareMs,
      callMs,
      scoreFromMs,
      untilMs,
      onStart: (start, atMs) => {
        const slot = Math.floor(atMs / slotMs) - scoreFromSlot;
        if (start === "cold") coldBySlot[slot] = (coldBySlot[slot] ?? 0) + 1;
      },
    });
    return { id: calls.id, weight: calls.weight, ...totals };
  });
  return { functions: reports, coldBySlot };
}

function sum(
  reports: readonly FunctionTotals[],
  weightOf: (one: FunctionTotals) => number,
): Totals {
  const total = { calls: 0, cold: 0, warm: 0, predicted: 0, loads: 0, idleVmMs: 0 };
  for (const one of reports) {
    const weight = weightOf(one);
    total.calls += weight * one.calls;
    total.cold += weight * one.cold;
    total.warm += weight * one.warm;
    total.predicted += weight * one.predicted;
    total.loads += weight * one.loads;
    total.idleVmMs += weight * one.idleVmMs;
  }
  return total;
}
