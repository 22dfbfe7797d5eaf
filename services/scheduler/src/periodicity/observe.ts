/** Takes one call into a history: bounded work and memory, the same result after a replay. */
import type { History } from "./history.ts";

/** `weight` calls arrived at `arrivalAtMs`. A call older than the newest one counts as if it came with it. */
export function observe(history: History, arrivalAtMs: number, weight = 1): History {
  const tick = { atMs: arrivalAtMs, untilMs: arrivalAtMs, count: weight };
  return { ...history, ticks: [...history.ticks, tick] };
}
