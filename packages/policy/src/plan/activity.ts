/** How long a function counts as called lately, and how many calls usually come at once. */
import type { PlanPolicy } from "./policy.ts";
import type { FunctionRecord } from "./record.ts";

/** An aperiodic function counts for so many of its usual gaps after its latest call. */
const gapsActive = 8;
/** But at least, and at most, for these shares of its keep-alive. */
const activeShareMin = 0.1;
const activeShareMax = 3;
/** Ticks that the usual gap and count are taken from. */
const ticksRecent = 16;

/** Calls that usually come at once, upper quantile. */
export function usualCount({ history }: FunctionRecord, policy: PlanPolicy): number {
  const counts = history.ticks.slice(-ticksRecent).map((tick) => tick.count);
  counts.sort((a, b) => a - b);
  const upper = counts[Math.floor(counts.length * 0.9)] ?? 0;
  return Math.min(policy.prewarmVmsMax, upper);
}

/** Until when an aperiodic function counts if no further call comes. */
export function activeUntilMs({ history }: FunctionRecord, policy: PlanPolicy): number {
  const ticks = history.ticks.slice(-ticksRecent);
  const latest = ticks.at(-1);
  if (latest === undefined) return 0;
  const gaps = ticks.slice(1).map((tick, i) => tick.atMs - (ticks[i]?.atMs ?? tick.atMs));
  gaps.sort((a, b) => a - b);
  const usualMs = gaps[gaps.length >> 1] ?? 0;
  const { keepAliveMs } = policy;
  const least = keepAliveMs * activeShareMin;
  const most = keepAliveMs * activeShareMax;
  return latest.atMs + Math.min(most, Math.max(least, usualMs * gapsActive));
}
