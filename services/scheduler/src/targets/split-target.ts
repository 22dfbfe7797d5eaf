/** Shares one number of VMs among hosts in proportion to their capacity; the parts add up to it exactly. */

export interface Capacity {
  readonly hostId: string;
  /** Any unit; a host with 0 gets nothing. */
  readonly weight: number;
}

export interface HostTarget {
  readonly hostId: string;
  readonly target: number;
}

/** Largest remainder; among equals the lower id, so that every call gives the same. */
export function splitTarget(target: number, capacities: readonly Capacity[]): HostTarget[] {
  const total = capacities.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return capacities.map(({ hostId }) => ({ hostId, target: 0 }));
  const parts = capacities.map(({ hostId, weight }) => {
    const exact = (target * weight) / total;
    return { hostId, target: Math.floor(exact), rest: exact - Math.floor(exact) };
  });
  let left = target - parts.reduce((sum, part) => sum + part.target, 0);
  for (const part of parts.toSorted((a, b) => b.rest - a.rest || (a.hostId < b.hostId ? -1 : 1))) {
    if (left <= 0) break;
    part.target += 1;
    left -= 1;
  }
  return parts.map(({ hostId, target: share }) => ({ hostId, target: share }));
}
