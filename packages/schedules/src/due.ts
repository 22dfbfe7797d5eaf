/**
 * Which ticks of a schedule are to begin at an instant, and when to look again. A tick begins at its instant and
 * the schedule's offset. One that could not be begun then is late while its window lasts, or a minute where it has
 * none, and missed after that.
 */
import type { Progress, StoredSchedule } from "./record.ts";
import { nextTicks, ticksBetween } from "./ticks.ts";

/** Ticks that passed and are all begun, at most: the newest. */
export const missedTicksMax = 1_000;
/** A tick without a window may begin so late. */
export const lateMaxMs = 60_000;

export interface DueTicks {
  /** Instants of ticks that are to begin now, oldest first. */
  readonly instants: readonly number[];
  /** Ticks that passed and are never begun, as far as they were counted. */
  readonly skipped: number;
  /** All ticks up to here have been decided about. */
  readonly settledAtMs: number;
  /** Undefined when no further tick comes. */
  readonly nextStartAtMs: number | undefined;
}

export function dueTicks(
  schedule: StoredSchedule,
  progress: Progress | undefined,
  nowMs: number,
): DueTicks {
  const { ticks, offsetMs, missed, windowMs } = schedule;
  const sinceMs = settledSince(schedule, progress);
  if (schedule.isPaused) {
    return { instants: [], skipped: 0, settledAtMs: sinceMs, nextStartAtMs: undefined };
  }
  const passed = ticksBetween(ticks, sinceMs, nowMs - offsetMs, missedTicksMax);
  const newest = passed.at(-1);
  const settledAtMs = newest ?? sinceMs;
  const [next] = nextTicks(ticks, settledAtMs, 1);
  const nextStartAtMs = next === undefined ? undefined : next + offsetMs;
  if (newest === undefined) return { instants: [], skipped: 0, settledAtMs, nextStartAtMs };
  const isInTime = nowMs <= newest + Math.max(windowMs, lateMaxMs);
  const instants = missed === "all" ? passed : missed === "one" || isInTime ? [newest] : [];
  return { instants, skipped: passed.length - instants.length, settledAtMs, nextStartAtMs };
}

/** Where a schedule's ticks begin to count: nothing is missed before it was made, or while it was paused. */
function settledSince(schedule: StoredSchedule, progress: Progress | undefined): number {
  const { createdAtMs, updatedAtMs, offsetMs } = schedule;
  const isOurs = progress !== undefined && progress.createdAtMs === createdAtMs;
  return Math.max(createdAtMs, updatedAtMs - offsetMs, isOurs ? progress.settledAtMs : 0);
}

/** When ticks of a schedule begin, from an instant on, soonest first. */
export function nextStarts(
  schedule: StoredSchedule,
  progress: Progress | undefined,
  nowMs: number,
  count: number,
): readonly number[] {
  if (schedule.isPaused) return [];
  const { ticks, offsetMs } = schedule;
  const sinceMs = Math.max(settledSince(schedule, progress), nowMs - offsetMs);
  return nextTicks(ticks, sinceMs, count).map((atMs) => atMs + offsetMs);
}
