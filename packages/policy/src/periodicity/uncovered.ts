/** What of a call was a surprise: all of it outside of a window, and 1 − degree inside. */
import { forecast, forecastPolicyDefault, type ForecastPolicy } from "./forecast.ts";
import type { History } from "./history.ts";

/**
 * Of `weight` calls at `atMs`, how many count as not expected. Ask before the calls are observed. Calls
 * beyond the expected count of a window are surprises as well.
 */
export function uncoveredCalls(
  history: History,
  atMs: number,
  weight = 1,
  policy: ForecastPolicy = forecastPolicyDefault,
): number {
  const expected = forecast(history, atMs, policy);
  if (expected === undefined) return weight;
  const { window, periodMs, count, degree } = expected;
  const latest = history.pattern?.recent.at(-1);
  // The first call of a window moves the forecast on; those that follow belong to the window before.
  const isFollowing = latest !== undefined && atMs <= window.endAtMs - periodMs;
  if (atMs < window.startAtMs && !isFollowing) return weight;
  const left = isFollowing ? Math.max(0, count.upper - latest.count) : count.upper;
  return weight - Math.min(weight, left) * degree;
}
