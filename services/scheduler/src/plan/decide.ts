/**
 * The plan for one function at an instant. Event-driven: decide after each arrival and again at
 * `nextWakeAtMs`; between the two nothing changes, so a shard touches a function only when it is due.
 */
import type { Forecast } from "../periodicity/index.ts";
import type { PlanPolicy } from "./policy.ts";
import type { FunctionRecord } from "./record.ts";

/** What is observed of the function's VMs; a decision never guesses it. */
export interface PlanFacts {
  /** VMs that hold the function's code and run nothing now. */
  readonly idleVmCount: number;
  /** VMs that hold the function's code and run a call now. */
  readonly busyVmCount: number;
}

export interface Prewarm {
  /** Order it now when this has passed. */
  readonly startAtMs: number;
  readonly readyByMs: number;
  /** VMs that should be idle at `readyByMs`, those that are idle already included. */
  readonly count: number;
  readonly windowStartAtMs: number;
  readonly windowEndAtMs: number;
  /** Release what is still unused then: the end of the window, and grace. */
  readonly releaseAtMs: number;
}

export interface Decision {
  /** 0 for an aperiodic function. */
  readonly degree: number;
  readonly forecast: Forecast | undefined;
  /** Until when a VM that became idle now is kept. */
  readonly keepUntilMs: number;
  /** The next pre-warm that is not yet ordered; due when `startAtMs <= nowMs`. */
  readonly prewarm: Prewarm | undefined;
  /** Decide again then; undefined when only an arrival can change the plan. */
  readonly nextWakeAtMs: number | undefined;
}

export function decide(
  record: FunctionRecord,
  policy: PlanPolicy,
  facts: PlanFacts,
  nowMs: number,
): Decision {
  void record;
  void facts;
  return {
    degree: 0,
    forecast: undefined,
    keepUntilMs: nowMs + policy.keepAliveMs,
    prewarm: undefined,
    nextWakeAtMs: undefined,
  };
}
