/** One signal for several that may live as long as the process, on which nothing is left behind: AbortSignal.any leaves. */
import { setMaxListeners } from "node:events";

export interface JoinedSignal {
  /** Aborts with the first of them, for its reason. */
  readonly signal: AbortSignal;
  /** To be called when nobody needs it any more. */
  readonly release: () => void;
}

export function joinSignals(...signals: readonly AbortSignal[]): JoinedSignal {
  const joined = new AbortController();
  const onAbort = (event: Event): void => joined.abort((event.target as AbortSignal).reason);
  setMaxListeners(0, ...signals);
  for (const signal of signals) {
    if (signal.aborted) joined.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  }
  return {
    signal: joined.signal,
    release: () => {
      for (const signal of signals) signal.removeEventListener("abort", onAbort);
    },
  };
}
