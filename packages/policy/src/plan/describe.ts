/** What is known and expected of one function, for people: nothing decides by it. */
import type { Forecast } from "../periodicity/index.ts";
import { exactForecast } from "./expect.ts";
import type { PlanPolicy } from "./policy.ts";
import type { FunctionRecord } from "./record.ts";

export interface ExpectedWindow {
  readonly startAtMs: number;
  readonly endAtMs: number;
  readonly expectedAtMs: number;
  /** Calls expected at once. */
  readonly count: number;
  readonly degree: number;
}

export interface Description {
  readonly callsSeen: number;
  /** Undefined before the first. */
  readonly latestCallAtMs: number | undefined;
  /** 0 when no pattern is known; then there are no windows. */
  readonly degree: number;
  /** 0 where calls have several times or periods, or none. */
  readonly periodMs: number;
  /** Those that have not ended, soonest first. */
  readonly windows: readonly ExpectedWindow[];
  readonly hits: number;
  readonly misses: number;
  /** In words. */
  readonly evidence: readonly string[];
}

/** @param windowsMax how many windows to look ahead, if calls keep coming */
export function describe(
  record: FunctionRecord,
  policy: PlanPolicy,
  nowMs: number,
  windowsMax: number,
): Description {
  const next = exactForecast(record, nowMs, policy);
  const { callsSeen, ticksSeen, ticks } = record.history;
  const calls = `${callsSeen} calls at ${ticksSeen} instants seen`;
  const common = { callsSeen, latestCallAtMs: ticks.at(-1)?.atMs };
  if (next === undefined) {
    const evidence = [calls, "no pattern found"];
    return { ...common, degree: 0, periodMs: 0, windows: [], hits: 0, misses: 0, evidence };
  }
  const { hits, misses, missesInRow, dispersionMs } = next.evidence;
  const windows: ExpectedWindow[] = [];
  let found: Forecast | undefined = next;
  while (found !== undefined && windows.length < windowsMax) {
    const { window, expectedAtMs, count } = found;
    windows.push({ ...window, expectedAtMs, count: Math.ceil(count.upper), degree: next.degree });
    found = exactForecast(record, window.endAtMs + 1, policy);
  }
  return {
    ...common,
    degree: next.degree,
    // Several times or clocks have no one period.
    periodMs: next.isRound === true || next.besidesMs !== undefined ? 0 : next.periodMs,
    windows,
    hits,
    misses,
    evidence: [
      calls,
      next.isRound === true
        ? `at the same times of each ${roundName(next.periodMs)}, within ${seconds(dispersionMs)}`
        : `${[next.periodMs, ...(next.besidesMs ?? [])].map((ms) => `every ${seconds(ms)}`).join(" and ")}, within ${seconds(dispersionMs)}`,
      `${hits} windows hit, ${misses} missed, ${missesInRow} of them just now`,
      `${Math.round(next.coverage * 100)} % of calls came inside a window`,
    ],
  };
}

/** The first of the windows of `describe`, without the words. */
export function nextWindow(
  record: FunctionRecord,
  policy: PlanPolicy,
  nowMs: number,
): ExpectedWindow | undefined {
  const next = exactForecast(record, nowMs, policy);
  if (next === undefined) return undefined;
  const { window, expectedAtMs, count, degree } = next;
  return { ...window, expectedAtMs, count: Math.ceil(count.upper), degree };
}

function roundName(periodMs: number): string {
  const hours = periodMs / 3_600_000;
  return hours >= 168 ? "week" : hours >= 24 ? "day" : "hour";
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 0)} s`;
}
