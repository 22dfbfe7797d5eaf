/** Waits that end: by a limit, or by somebody's signal. */
import { timerMaxMs } from "@tidepool/common";
import type { TidepoolError } from "@tidepool/common";

/**
 * Runs `work` with a signal that aborts with `late()` after `maxMs`, or with the reason of one of `outer`.
 * Leaves nothing behind on the outer signals, which may live long (AbortSignal.any would).
 */
export async function within<T>(
  maxMs: number,
  late: () => TidepoolError,
  work: (signal: AbortSignal) => Promise<T>,
  ...outer: readonly AbortSignal[]
): Promise<T> {
  const controller = new AbortController();
  const onAbort = (event: Event): void => {
    controller.abort((event.target as AbortSignal).reason);
  };
  for (const signal of outer) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  }
  const timer = setTimeout(() => controller.abort(late()), Math.min(maxMs, timerMaxMs));
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of outer) signal.removeEventListener("abort", onAbort);
  }
}

/** Settles like `promise`, or rejects with the signal's reason; `promise` itself goes on. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
