/** How many generic VMs the cold starts of all functions together would have needed, slot by slot. */

export interface PoolDemand {
  /** In the worst slot. */
  readonly worst: number;
  /** So many or fewer in 999 of 1000 slots. */
  readonly p999: number;
}

const quantile = 0.999;

/** @param coldBySlot cold starts of distinct functions in each scored slot */
export function poolDemand(coldBySlot: ArrayLike<number>): PoolDemand {
  const sorted = Array.from(coldBySlot).sort((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.ceil(sorted.length * quantile) - 1);
  return { worst: sorted.at(-1) ?? 0, p999: sorted[Math.max(0, at)] ?? 0 };
}
