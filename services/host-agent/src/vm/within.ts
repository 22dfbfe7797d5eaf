/** A signal that aborts with a named error when a limit passes, or when an outer signal does. */
import { timerMaxMs } from "@tidepool/common";
import type { TidepoolError } from "@tidepool/common";

/** Runs `work` with a signal that aborts after `maxMs`, or with `outer`. */
export async function within<T>(
  maxMs: number,
  late: () => TidepoolError,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(() => controller.abort(late()), Math.min(maxMs, timerMaxMs));
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", onAbort);
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
