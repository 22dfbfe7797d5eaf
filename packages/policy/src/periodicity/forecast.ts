/**
 * The next window of a function's calls, read from its history at an instant. It invents nothing: without
 * a pattern that chance cannot explain there is no forecast.
 */
import { hitShareMin, hitsMax, missesMaxDefault, type History, type Pattern } from "./history.ts";
import { aim } from "./aim.ts";
import { sortFew } from "../sort-few.ts";
import { missed, nextDue, toleranceAfter } from "./track.ts";

/** Windows that are held against every pattern: few hits are weak evidence. */
const doubt = 0.5;

export interface ForecastPolicy {
  /** After this many due ticks in a row without a call the function is aperiodic again. */
  readonly missesMax: number;
}

export const forecastPolicyDefault: ForecastPolicy = { missesMax: missesMaxDefault };

export interface Forecast {
  readonly periodMs: number;
  /** How periodic the function is, above 0 to 1. An aperiodic function has no forecast: degree 0. */
  readonly degree: number;
  /** Share of the function's recent calls that came inside a window, 0 to 1. */
  readonly coverage: number;
  /** When the next calls may come. It may have begun, but it has not ended. */
  readonly window: { readonly startAtMs: number; readonly endAtMs: number };
  readonly expectedAtMs: number;
  /** Until then further calls belong to the window that was hit last. */
  readonly followUntilMs: number;
  /** Calls expected at once in the window, thus VMs needed. */
  readonly count: { readonly median: number; readonly upper: number };
  /** How likely further calls follow the first within a window, 0 to 1. */
  readonly followShare: number;
  /** Calls come again at several times of this period. */
  readonly isRound?: true;
  /** Periods of the other clocks, where there are several. */
  readonly besidesMs?: readonly number[];
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

/** The latest forecast of a pattern: one plan asks for it several times, at the call and a little later. */
let latest:
  | {
      readonly history: History;
      readonly nowMs: number;
      readonly periods: number;
      readonly missesMax: number;
      readonly found: Forecast | undefined;
    }
  | undefined;

/** The next window that is open or ahead at `nowMs`; undefined for a function without a pattern. */
export function forecast(
  history: History,
  nowMs: number,
  policy: ForecastPolicy = forecastPolicyDefault,
): Forecast | undefined {
  if (history.pattern === null) return undefined;
  const { missesMax } = policy;
  const periods = periodsPassed(history.pattern, nowMs);
  const isKnown =
    latest?.history === history && latest.missesMax === missesMax && latest.periods === periods;
  if (isKnown && holds(latest, nowMs)) return latest?.found;
  const found = ofPattern(history, history.pattern, periods, nowMs, policy);
  latest = { history, nowMs, periods, missesMax, found };
  return found;
}

/** The window that was found then is the next one still. */
function holds(then: typeof latest, nowMs: number): boolean {
  if (then === undefined || nowMs < then.nowMs) return false;
  return nowMs === then.nowMs || nowMs <= (then.found?.window.endAtMs ?? -Infinity);
}

function periodsPassed(pattern: Pattern, nowMs: number): number {
  return Math.max(1, Math.floor((nowMs - nextDue(pattern, 0)) / pattern.periodMs));
}

function ofPattern(
  history: History,
  pattern: Pattern,
  periodsPast: number,
  nowMs: number,
  policy: ForecastPolicy,
): Forecast | undefined {
  let periods = periodsPast;
  let due = aim(pattern, periods, history.ticks);
  // What is aimed at may lie before the tick that is due by more than a window.
  while (due.atMs + due.lateMs < nowMs && periods <= policy.missesMax) {
    periods += 1;
    due = aim(pattern, periods, history.ticks);
  }
  const missesInRow = periods - 1;
  if (missesInRow >= policy.missesMax) return undefined;
  const { hitWeight, windowWeight, misses } = missed(pattern, missesInRow);
  const degree = hitWeight / (windowWeight + doubt);
  if (hitWeight / windowWeight < hitShareMin) return undefined;
  const known = pattern.recent.length;
  for (let i = 0; i < known; i += 1) counts[i] = pattern.recent[i]?.count ?? 1;
  sortFew(counts, known);
  return {
    periodMs: pattern.periodMs,
    degree,
    coverage: pattern.coverage,
    window: { startAtMs: due.atMs - due.earlyMs, endAtMs: due.atMs + due.lateMs },
    expectedAtMs: due.atMs,
    followUntilMs: nextDue(pattern, 0) + toleranceAfter(pattern, 1),
    count: { median: quantile(known, 0.5), upper: quantile(known, 0.9) },
    followShare: pattern.followShare,
    evidence: {
      ticksSeen: history.ticksSeen,
      hits: pattern.hits,
      misses,
      missesInRow,
      dispersionMs: Math.min(pattern.clockErrorMs, pattern.stepErrorMs),
    },
  };
}

const counts = new Float64Array(hitsMax);

function quantile(known: number, share: number): number {
  return known === 0 ? 1 : (counts[Math.min(known - 1, Math.floor(known * share))] ?? 1);
}
