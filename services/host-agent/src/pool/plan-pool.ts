/** What one pool does next: how many clones it begins, and which waiting VMs it lets go. Pure. */
import type { VmView } from "../vm/vm-view.ts";

export interface PoolState {
  readonly target: number;
  /** VMs of the pool's config that have no owner. */
  readonly unowned: readonly VmView[];
  /** Clones that the pool may begin now: its concurrency less what runs, zero while it backs off. */
  readonly cloneCountMax: number;
}

export interface PoolStep {
  readonly cloneCount: number;
  readonly surplus: readonly VmView[];
}

/** Surplus goes oldest first, so that what stays is the least worn; a clone under way is left to finish. */
export function planPool({ target, unowned, cloneCountMax }: PoolState): PoolStep {
  const missing = target - unowned.length;
  if (missing >= 0) {
    return { cloneCount: Math.max(0, Math.min(missing, cloneCountMax)), surplus: [] };
  }
  const waiting = unowned
    .filter((vm) => vm.phase === "warming")
    .sort((a, b) => a.createdAtMs - b.createdAtMs);
  return { cloneCount: 0, surplus: waiting.slice(0, -missing) };
}
