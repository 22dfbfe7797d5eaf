/** Waits longer after each failure in a row, up to a limit. Pure. */

export interface Backoff {
  readonly failureCount: number;
  /** Nothing is tried before this. */
  readonly untilMs: number;
}

export const backoffNone: Backoff = { failureCount: 0, untilMs: 0 };

export const backoffFirstMs = 250;
export const backoffMaxMs = 30_000;

export function backOff(before: Backoff, nowMs: number): Backoff {
  const waitMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** before.failureCount);
  return { failureCount: before.failureCount + 1, untilMs: nowMs + waitMs };
}
