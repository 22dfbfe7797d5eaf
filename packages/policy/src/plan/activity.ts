/** How long a function counts as called lately, and how many calls usually come at once. */
import type { Tick } from "../periodicity/index.ts";
import { sortFew } from "../sort-few.ts";
import type { PlanPolicy } from "./policy.ts";
import type { FunctionRecord } from "./record.ts";

/** An aperiodic function counts for so many of its usual gaps after its latest call. */
const gapsActive = 8;
/** But at least, and at most, for these shares of its keep-alive. */
const activeShareMin = 0.1;
const activeShareMax = 3;
/** Ticks that the usual gap and count are taken from. */
const ticksRecent = 16;

const few = new Float64Array(ticksRecent);

/** Calls that usually come at once, upper quantile. */
export function usualCount({ history }: FunctionRecord, policy: PlanPolicy): number {
  const { ticks } = history;
  const count = Math.min(ticksRecent, ticks.length);
  for (let i = 0; i < count; i += 1) few[i] = ticks[ticks.length - 1 - i]?.count ?? 0;
  sortFew(few, count);
  const upper = count === 0 ? 0 : (few[Math.floor(count * 0.9)] ?? 0);
  return Math.min(policy.prewarmVmsMax, upper);
}

function medianGap(ticks: readonly Tick[]): number {
  const count = Math.min(ticksRecent, ticks.length) - 1;
  if (count < 1) return 0;
  const newest = ticks.length - 1;
  for (let i = 0; i < count; i += 1)
    few[i] = (ticks[newest - i]?.atMs ?? 0) - (ticks[newest - i - 1]?.atMs ?? 0);
  sortFew(few, count);
  return few[count >> 1] ?? 0;
}

/** Until when an aperiodic function counts if no further call comes. */
export function activeUntilMs({ history }: FunctionRecord, policy: PlanPolicy): number {
  const { ticks } = history;
  const latest = ticks.at(-1);
  if (latest === undefined) return 0;
  const usualMs = medianGap(ticks);
  const { keepAliveMs } = policy;
  const least = keepAliveMs * activeShareMin;
  const most = keepAliveMs * activeShareMax;
  return latest.atMs + Math.min(most, Math.max(least, usualMs * gapsActive));
}
