/** Waits that end: by a limit, or by somebody's signal. */
import { TidepoolError, timerMaxMs } from "@tidepool/common";

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

export interface WaitLimits {
  readonly signal?: AbortSignal | undefined;
  readonly maxMs?: number;
  /** For the message: "booting the guest". */
  readonly what?: string;
}

/** Settles like `promise`, or rejects at its limits; `promise` itself goes on. */
export function inTime<T>(promise: Promise<T>, limits: WaitLimits): Promise<T> {
  const { signal, maxMs, what = "waiting" } = limits;
  const orGivenUp = (until: AbortSignal): Promise<T> => orAborted(promise, until);
  if (maxMs === undefined) return signal === undefined ? promise : orGivenUp(signal);
  const late = (): TidepoolError =>
    new TidepoolError("unavailable", `${what} took more than ${String(maxMs)} ms`);
  return within(maxMs, late, orGivenUp, ...(signal === undefined ? [] : [signal]));
}
