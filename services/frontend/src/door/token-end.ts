/** When a token ends, what its caller has open ends with it. */
import { systemClock, TidepoolError, timerMaxMs } from "@tidepool/common";
import type { Caller } from "./visit.ts";

export interface TokenEnd {
  /** Aborts with what the caller is told. */
  readonly signal: AbortSignal;
  readonly release: () => void;
}

export function endOfToken({ revoked, expiresAtMs }: Caller): TokenEnd {
  if (expiresAtMs === undefined) return { signal: revoked, release: () => {} };
  const expired = new AbortController();
  const leftMs = expiresAtMs - systemClock.nowMs();
  const timer = setTimeout(
    () => expired.abort(holdsNoMore("the token has expired")),
    // Nothing stays open for longer.
    Math.min(Math.max(0, leftMs), timerMaxMs),
  );
  return {
    signal: AbortSignal.any([revoked, expired.signal]),
    release: () => clearTimeout(timer),
  };
}

export function holdsNoMore(message: string): TidepoolError {
  return new TidepoolError("unauthenticated", message, {
    component: "client",
    reason: "tokenInvalid",
  });
}
