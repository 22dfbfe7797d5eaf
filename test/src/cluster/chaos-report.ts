/** What kills have cost: which failed calls were inside what was killed, and how soon calls were predicted again. */
import type { FailedCall } from "./load.ts";
import { isPrepared } from "./periodic-load.ts";
import type { PeriodicCall } from "./periodic-load.ts";

export interface Kill {
  readonly atMs: number;
  /** When the process had ended: until then it may take calls, as long as its memory is being taken apart. */
  readonly endedAtMs: number;
  /** "host-2" */
  readonly name: string;
}

export interface Recovery extends Kill {
  /** Until the last call before the next kill that was not prepared for; 0 when all were. */
  readonly lastUnpreparedMs: number;
  readonly unpreparedCount: number;
}

/** Whether the call was under way when something was killed, and failed as one does that was inside it. */
function isInside({ atMs, endedAtMs, component, reason }: FailedCall, kill: Kill): boolean {
  if (kill.endedAtMs < atMs || kill.atMs > endedAtMs) return false;
  if (kill.name.startsWith("frontend-")) return component === "client";
  return kill.name.startsWith("host-") && reason === "hostLost";
}

/** Failed calls that were inside nothing that was killed. */
export function beyond(
  failures: readonly FailedCall[],
  kills: readonly Kill[],
): readonly FailedCall[] {
  return failures.filter((failure) => !kills.some((kill) => isInside(failure, kill)));
}

/** Failed calls that no kill explains: none so near to it, or not to be tried again. */
export function unexplained(
  failures: readonly FailedCall[],
  kills: readonly Kill[],
): readonly FailedCall[] {
  return failures.filter(
    ({ atMs, isRetryable }) =>
      !isRetryable || !kills.some((kill) => Math.abs(kill.atMs - atMs) <= unexplainedSlackMs),
  );
}

const unexplainedSlackMs = 1_000;

/** Of each kill, by the calls between it and the next one. */
export function recoveries(
  kills: readonly Kill[],
  calls: readonly PeriodicCall[],
): readonly Recovery[] {
  return kills.map((kill, index) => {
    const untilMs = kills[index + 1]?.atMs ?? Infinity;
    const since = calls.filter(({ atMs }) => atMs >= kill.atMs && atMs < untilMs);
    const unprepared = since.filter((call) => !isPrepared(call));
    return {
      ...kill,
      lastUnpreparedMs: Math.max(kill.atMs, ...unprepared.map(({ atMs }) => atMs)) - kill.atMs,
      unpreparedCount: unprepared.length,
    };
  });
}

/** How many calls, and how many of them not prepared for, within so long of a kill, and later than that. */
export function preparedShares(
  kills: readonly Kill[],
  calls: readonly PeriodicCall[],
  soonMs: number,
): { readonly soon: PreparedShare; readonly later: PreparedShare } {
  const sinceKillMs = ({ atMs }: PeriodicCall): number =>
    atMs - (kills.findLast((kill) => kill.atMs <= atMs)?.atMs ?? Infinity);
  const after = calls.filter((call) => sinceKillMs(call) >= 0);
  const shareOf = (some: readonly PeriodicCall[]): PreparedShare => ({
    calls: some.length,
    unprepared: some.filter((call) => !isPrepared(call)).length,
  });
  return {
    soon: shareOf(after.filter((call) => sinceKillMs(call) <= soonMs)),
    later: shareOf(after.filter((call) => sinceKillMs(call) > soonMs)),
  };
}

export interface PreparedShare {
  readonly calls: number;
  readonly unprepared: number;
}

/** Counts by what `keyOf` says of each. */
export function countBy<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}
