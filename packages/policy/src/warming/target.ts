/**
 * How many generic VMs of one config wait for calls that nothing announced. The more calls the forecasts
 * cover, and the surer they are, the fewer; never under the floor; all of it back when they stop.
 */
import type { Demand } from "./demand.ts";

export interface WarmingPolicy {
  /** VMs that wait while nothing has been learned. */
  readonly base: number;
  /** VMs that wait in any case. */
  readonly floor: number;
  /** VMs that wait at most, whatever surprises there were. */
  readonly ceiling: number;
}

export const warmingPolicyDefault: WarmingPolicy = { base: 8, floor: 1, ceiling: 32 };

/** The quantile of `residualQuantile` that a target is made for. */
export const residualShare = 0.99;

/** One function never seen before counts with the rest: the pool waits for the calls of strangers too. */
const strangerMicro = 1e6;

export interface WarmingInput {
  /** Sum over shards of what their functions need, and of what no forecast covers. */
  readonly demand: Demand;
  /** Upper quantile of uncovered calls within one refill time, over all shards. */
  readonly residual: number;
}

export function warmingTarget(
  { demand, residual }: WarmingInput,
  policy: WarmingPolicy = warmingPolicyDefault,
): number {
  const uncovered = policy.base * (strangerMicro + demand.uncoveredMicro);
  // One division, last: a share rounded up before its product could ask for a VM too many.
  const wanted = Math.max(uncovered / (strangerMicro + demand.neededMicro), residual);
  return Math.min(policy.ceiling, Math.max(policy.floor, Math.ceil(wanted)));
}
