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
}

export const warmingPolicyDefault: WarmingPolicy = { base: 8, floor: 1 };

export interface WarmingInput {
  /** Sum over shards of what their functions need and what no forecast covers. */
  readonly demand: Demand;
  /** Upper quantile of uncovered calls within one refill time, over all shards. */
  readonly residual: number;
}

export function warmingTarget(input: WarmingInput, policy: WarmingPolicy): number {
  const { neededMicro, uncoveredMicro } = input.demand;
  // One function never seen before counts with the rest: the pool is for the calls of strangers too.
  const strangerMicro = 1e6;
  const share = (strangerMicro + uncoveredMicro) / (strangerMicro + neededMicro);
  return Math.max(policy.floor, Math.ceil(policy.base * share), Math.ceil(input.residual));
}
