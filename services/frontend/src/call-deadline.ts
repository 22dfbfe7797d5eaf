/** When the caller of what runs now stops waiting: for those who wait for others on the way, however deep down. */
import { context, createContextKey } from "@opentelemetry/api";

const key = createContextKey("tidepool call deadline");

/** One call's waiting, which all that it does one after the other shares. */
export interface CallWaiting {
  /** Infinite when the caller named none, or nobody called. */
  readonly deadlineAtMs: number;
  /** Since when the store has not answered this call at the first attempt; undefined while it does. */
  troubledSinceMs: number | undefined;
}

/** @param deadlineAtMs undefined when the caller named none */
export function withCallDeadline<T>(deadlineAtMs: number | undefined, work: () => T): T {
  const waiting = newWaiting(deadlineAtMs);
  return context.with(context.active().setValue(key, waiting), work);
}

export function callWaiting(): CallWaiting {
  return (context.active().getValue(key) as CallWaiting | undefined) ?? newWaiting(undefined);
}

function newWaiting(deadlineAtMs = Number.POSITIVE_INFINITY): CallWaiting {
  return { deadlineAtMs, troubledSinceMs: undefined };
}
