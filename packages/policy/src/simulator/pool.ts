/** How many generic VMs the cold starts of all functions together would have needed, slot by slot. */

export interface PoolDemand {
  /** In the worst slot. */
  readonly worst: number;
  /** The 99.9th percentile over slots: between two neighbours by a straight line, to whole VMs. */
  readonly p999: number;
}

const quantile = 0.999;

/** @param coldBySlot cold starts of distinct functions in each scored slot */
export function poolDemand(coldBySlot: ArrayLike<number>): PoolDemand {
  const sorted = Array.from(coldBySlot).sort((a, b) => a - b);
  const at = Math.max(0, sorted.length - 1) * quantile;
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? 0;
  const p999 = Math.round(below + (above - below) * (at - Math.floor(at)));
  return { worst: sorted.at(-1) ?? 0, p999 };
}
