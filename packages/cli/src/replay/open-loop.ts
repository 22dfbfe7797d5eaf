/**
 * Makes calls at their instants whatever the earlier ones do: a slow answer delays no other call, and the
 * latency of a call that had to wait its turn counts from the instant it was due. At most `concurrencyMax`
 * run at once.
 */
import { systemClock } from "@tidepool/common";
import type { Clock } from "@tidepool/common";

export interface DueCall {
  /** From the start of the loop, ms. */
  readonly dueMs: number;
}

export interface OpenLoopOptions {
  readonly concurrencyMax: number;
  readonly clock?: Clock;
  /** Ends the loop: no further call starts, those that run are awaited. */
  readonly signal?: AbortSignal;
}

/** @param make never rejects; gets the instant the call was due, ms since 1970 UTC */
export async function runOpenLoop<Call extends DueCall>(
  calls: readonly Call[],
  make: (call: Call, dueAtMs: number) => Promise<void>,
  options: OpenLoopOptions,
): Promise<void> {
  const { concurrencyMax, clock = systemClock, signal } = options;
  const startAtMs = clock.nowMs();
  const running = new Set<Promise<void>>();
  const waiting: { call: Call; dueAtMs: number }[] = [];

  const start = (call: Call, dueAtMs: number): void => {
    const one = make(call, dueAtMs).finally(() => {
      running.delete(one);
      const next = waiting.shift();
      if (next !== undefined && signal?.aborted !== true) start(next.call, next.dueAtMs);
    });
    running.add(one);
  };

  for (const call of calls) {
    const dueAtMs = startAtMs + call.dueMs;
    const waitMs = dueAtMs - clock.nowMs();
    if (waitMs > 0) await clock.sleep(waitMs, signal).catch(() => {});
    if (signal?.aborted === true) break;
    if (running.size < concurrencyMax) start(call, dueAtMs);
    else waiting.push({ call, dueAtMs });
  }
  while (running.size > 0) await Promise.race(running);
}
