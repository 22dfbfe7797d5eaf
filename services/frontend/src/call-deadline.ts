/** When the caller of what runs now stops waiting: for those who wait for others on the way, however deep down. */
import { context, createContextKey } from "@opentelemetry/api";

const key = createContextKey("tidepool call deadline");

/** @param deadlineAtMs undefined when the caller named none */
export function withCallDeadline<T>(deadlineAtMs: number | undefined, work: () => T): T {
  if (deadlineAtMs === undefined) return work();
  return context.with(context.active().setValue(key, deadlineAtMs), work);
}

/** Infinite when the caller named none, or nobody called. */
export function callDeadlineAtMs(): number {
  const known = context.active().getValue(key);
  return typeof known === "number" ? known : Number.POSITIVE_INFINITY;
}
