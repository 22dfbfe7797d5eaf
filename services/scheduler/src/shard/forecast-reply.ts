/** What the scheduler expects of a function, as the API tells it. */
import { forecast } from "@tidepool/policy";
import type { Decision, Forecast, FunctionRecord, PlanPolicy } from "@tidepool/policy";
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { windowToWire } from "../nats/host-commands.ts";
import { windowsShownMax } from "./world.ts";

export function forecastReply(
  name: string,
  record: FunctionRecord,
  policy: PlanPolicy,
  { forecast: next, prewarm }: Decision,
): tidepool.v1.GetForecastResponse.$Properties {
  const { history } = record;
  const calls = `${history.callsSeen} calls at ${history.ticksSeen} instants seen`;
  if (next === undefined) {
    return { name, degree: 0, callsSeen: history.callsSeen, evidence: [calls, "no pattern found"] };
  }
  const { hits, misses } = next.evidence;
  return {
    name,
    degree: next.degree,
    periodMs: next.periodMs,
    windows: windowsFrom(record, next, policy).map(windowToWire),
    evidence: [
      calls,
      `every ${seconds(next.periodMs)}, within ${seconds(next.evidence.dispersionMs)}`,
      `${hits} windows hit, ${misses} missed, ${next.evidence.missesInRow} of them just now`,
      `${Math.round(next.coverage * 100)} % of calls came inside a window`,
    ],
    callsSeen: history.callsSeen,
    hits,
    misses,
    ...(prewarm === undefined ? {} : { prewarmAt: toTimestamp(prewarm.startAtMs) }),
  };
}

/** The next window as forecast; those after it one period later each, if calls keep coming. */
function windowsFrom(
  { history }: FunctionRecord,
  next: Forecast,
  policy: PlanPolicy,
): {
  startAtMs: number;
  endAtMs: number;
  expectedAtMs: number;
  count: number;
  degree: number;
}[] {
  const windows = [];
  let found: Forecast | undefined = next;
  while (found !== undefined && windows.length < windowsShownMax) {
    windows.push({
      ...found.window,
      expectedAtMs: found.expectedAtMs,
      count: Math.ceil(found.count.upper),
      degree: next.degree,
    });
    found = forecast(history, found.window.endAtMs + 1, policy);
  }
  return windows;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 0)} s`;
}
