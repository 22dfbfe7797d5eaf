/**
 * The next window that one function's calls are exactly expected in: of its fixed period, or of the times of
 * an hour, a day or a week at which they come again, whichever is sooner.
 */
import { isSlotClock } from "../model/phase.ts";
import { forecast, type Forecast } from "../periodicity/index.ts";
import { nextDue, toleranceAfter } from "../periodicity/track.ts";
import { forecastRounds } from "../rounds/forecast-rounds.ts";
import { forecastSuperposed } from "../rounds/superposed.ts";
import type { PlanPolicy } from "./policy.ts";
import type { FunctionRecord } from "./record.ts";

/** A fixed period of at least this degree, and with so many of the calls in its windows, decides alone. */
const exactDegreeMin = 0.6;
const exactCoverageMin = 0.9;
/** Where calls lie further about their times, as share of a slot, that says no more than slots do. */
const spreadMax = 1 / 6;
/** From this share of windows in which more calls follow on, a period has several times. */
const followShareOfTimes = 0.2;
/** A period whose calls lie so many times further beside it than beside rounds is none: no less than this counts. */
const looseFactor = 4;
const leastMs = 500;
/** A period as long as a round's says all that the round does. */
const roundMs = 86_400_000 * 0.9;
/** A function called more often does not remember an hour. */
const spanMinMs = 3_600_000;

/** The latest: one plan asks for it several times. */
let latest:
  | {
      readonly history: FunctionRecord["history"];
      readonly slots: FunctionRecord["slots"];
      readonly nowMs: number;
      readonly missesMax: number;
      readonly found: Forecast | undefined;
    }
  | undefined;

export function exactForecast(
  record: FunctionRecord,
  nowMs: number,
  policy: PlanPolicy,
): Forecast | undefined {
  const { history, slots } = record;
  const { missesMax } = policy;
  const isSame = latest?.history === history && latest.slots === slots;
  if (isSame && latest?.nowMs === nowMs && latest.missesMax === missesMax) return latest.found;
  const period = forecastSuperposed(history, nowMs, policy) ?? forecast(history, nowMs, policy);
  const found =
    slots === undefined || !mayHaveRounds(record)
      ? period
      : sooner(period, forecastRounds(history, slots, nowMs), slots.slotMs);
  latest = { history, slots, nowMs, missesMax, found };
  return found;
}

/** Whether a fixed period, or rounds, leave a learned forecast in slots so long nothing to add. */
export function isSharp(exact: Forecast | undefined, slotMs: number): exact is Forecast {
  if (exact === undefined || exact.coverage < exactCoverageMin) return false;
  const isLoose = exact.evidence.dispersionMs > slotMs * spreadMax;
  if (exact.isRound === true) return !isLoose;
  return exact.degree >= exactDegreeMin && !(isLoose && exact.followShare >= followShareOfTimes);
}

/** Whether a call comes when a fixed period that decides alone has its next one due. */
export function isOnTime({ history, slots }: FunctionRecord, atMs: number): boolean {
  const { pattern } = history;
  if (pattern === null || slots === undefined || isSlotClock(slots.phase)) return false;
  const { periodMs, coverage, followShare, hitWeight, windowWeight } = pattern;
  if (coverage < exactCoverageMin || hitWeight < exactDegreeMin * windowWeight) return false;
  const dispersionMs = Math.min(pattern.clockErrorMs, pattern.stepErrorMs);
  const isLoose = dispersionMs > slots.slotMs * spreadMax;
  if (isLoose && followShare >= followShareOfTimes) return false;
  const dueAtMs = nextDue(pattern, 1);
  return atMs < dueAtMs + periodMs / 2 && Math.abs(atMs - dueAtMs) <= toleranceAfter(pattern, 1);
}

/** Without a look at each call: whether any would be found. */
export function mayHaveRounds({ history, slots }: FunctionRecord): boolean {
  const newest = history.ticks.at(-1);
  const oldest = history.ticks.at(0);
  if (slots === undefined || newest === undefined || oldest === undefined) return false;
  return newest.atMs - oldest.atMs >= spanMinMs && !isSlotClock(slots.phase);
}

function sooner(
  period: Forecast | undefined,
  rounds: Forecast | undefined,
  slotMs: number,
): Forecast | undefined {
  if (period === undefined || rounds === undefined) return period ?? rounds;
  const isLoose =
    period.evidence.dispersionMs > looseFactor * Math.max(leastMs, rounds.evidence.dispersionMs);
  const isWhole = isSharp(period, slotMs) && period.followShare < followShareOfTimes && !isLoose;
  if (!isWhole) return rounds.coverage >= exactCoverageMin ? rounds : period;
  const isOther = period.periodMs < roundMs && rounds.window.endAtMs < period.window.startAtMs;
  return isOther ? rounds : period;
}
