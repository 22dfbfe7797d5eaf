/** When a token ends, what its caller has open ends with it. */
import { joinSignals, systemClock, TidepoolError, timerMaxMs } from "@tidepool/common";
import type { JoinedSignal } from "@tidepool/common";
import type { Caller } from "./visit.ts";

/** The signal aborts with what the caller is told. */
export function endOfToken({ revoked, expiresAtMs }: Caller): JoinedSignal {
  if (expiresAtMs === undefined) return { signal: revoked, release: () => {} };
  const expired = new AbortController();
  const leftMs = expiresAtMs - systemClock.nowMs();
  const timer = setTimeout(
    () => expired.abort(holdsNoMore("the token has expired")),
    // Nothing stays open for longer.
    Math.min(Math.max(0, leftMs), timerMaxMs),
  );
  const either = joinSignals(revoked, expired.signal);
  return {
    signal: either.signal,
    release: () => {
      clearTimeout(timer);
      either.release();
    },
  };
}

export function holdsNoMore(message: string): TidepoolError {
  return new TidepoolError("unauthenticated", message, {
    component: "client",
    reason: "tokenInvalid",
  });
}
