/**
 * What the functions of one shard ask of one VM config (runtime and memory). Sums of integers, so that one
 * function's share can be taken out and put back exactly and shards can be added in any order.
 */

/** One function's part. `count` VMs are needed at once; a forecast covers `coverage` of its calls. */
export interface FunctionDemand {
  readonly count: number;
  readonly degree: number;
  readonly coverage: number;
}

/** Sums in millionths of a VM: integers, since sums of fractions drift. */
export interface Demand {
  readonly neededMicro: number;
  readonly uncoveredMicro: number;
}

export const demandNone: Demand = { neededMicro: 0, uncoveredMicro: 0 };

export function demandOf(part: FunctionDemand): Demand {
  const neededMicro = Math.round(part.count * 1e6);
  const uncoveredMicro = Math.round(part.count * 1e6 * (1 - part.degree * part.coverage));
  return { neededMicro, uncoveredMicro };
}

export function addDemand(sum: Demand, part: Demand): Demand {
  return {
    neededMicro: sum.neededMicro + part.neededMicro,
    uncoveredMicro: sum.uncoveredMicro + part.uncoveredMicro,
  };
}

export function removeDemand(sum: Demand, part: Demand): Demand {
  return {
    neededMicro: sum.neededMicro - part.neededMicro,
    uncoveredMicro: sum.uncoveredMicro - part.uncoveredMicro,
  };
}
