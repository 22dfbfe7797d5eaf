/**
 * What a shard keeps of one function: its history, the windows already prepared for, and an account of
 * idle VM time against the fixed keep-alive. Plain data; every change is a function that returns a new one.
 */
import { createHistory, type History } from "../periodicity/index.ts";
import type { Prewarm } from "./decide.ts";
import type { PlanPolicy } from "./policy.ts";

export interface FunctionRecord {
  readonly history: History;
  /** Windows that end before this instant are settled or already pre-warmed. */
  readonly preparedUntilMs: number;
  readonly account: IdleAccount;
}

/** Idle VM time of one function, modelled from its calls; damped, so that recent behaviour rules. */
export interface IdleAccount {
  /** What was spent under the plan. */
  readonly spentMs: number;
  /** What the fixed keep-alive would have spent on the same calls. */
  readonly fixedMs: number;
}

export function createRecord(policy: PlanPolicy): FunctionRecord {
  return {
    history: createHistory(policy.keepAliveMs / 10),
    preparedUntilMs: Number.NEGATIVE_INFINITY,
    account: { spentMs: 0, fixedMs: 0 },
  };
}

/** `weight` calls arrived. Idempotence is the caller's: feed each arrival once. */
export function noteArrival(
  record: FunctionRecord,
  policy: PlanPolicy,
  arrivalAtMs: number,
  weight = 1,
): FunctionRecord {
  void policy;
  void arrivalAtMs;
  void weight;
  return record;
}

/** The pre-warm was ordered: its window is never pre-warmed again. */
export function notePrewarmed(record: FunctionRecord, prewarm: Prewarm): FunctionRecord {
  return { ...record, preparedUntilMs: prewarm.windowEndAtMs };
}
