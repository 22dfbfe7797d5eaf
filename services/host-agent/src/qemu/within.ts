/** Waiting with an end: a deadline, an abort signal, or both. What is waited for goes on. */
import { TidepoolError } from "@tidepool/common";

export interface Limits {
  readonly signal?: AbortSignal | undefined;
  readonly maxMs?: number;
  /** For the message: "booting the guest". */
  readonly what?: string;
}

export async function within<T>(awaited: Promise<T>, limits: Limits): Promise<T> {
  const { signal, maxMs, what = "waiting" } = limits;
  if (signal === undefined && maxMs === undefined) return awaited;
  signal?.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    if (maxMs !== undefined) {
      timer = setTimeout(() => {
        reject(new TidepoolError("unavailable", `${what} took more than ${String(maxMs)} ms`));
      }, maxMs);
    }
    onAbort = () => {
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([awaited, limit]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
  }
}
