/** Waits that end: by a limit, or by somebody's signal. */
import { joinSignals, TidepoolError, timerMaxMs } from "@tidepool/common";

/** Runs `work` with a signal that aborts with `late()` after `maxMs`, or with the reason of one of `outer`. */
export async function within<T>(
  maxMs: number,
  late: () => TidepoolError,
  work: (signal: AbortSignal) => Promise<T>,
  ...outer: readonly AbortSignal[]
): Promise<T> {
  const tooLong = new AbortController();
  const { signal, release } = joinSignals(tooLong.signal, ...outer);
  const timer = setTimeout(() => tooLong.abort(late()), Math.min(maxMs, timerMaxMs));
  try {
    return await work(signal);
  } finally {
    clearTimeout(timer);
    release();
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
