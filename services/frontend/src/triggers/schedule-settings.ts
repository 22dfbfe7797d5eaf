/** What an owner may decide about a schedule: all problems of one request in one error. */
import { TidepoolError } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { cronProblem, nextTicks, rateMinMs, ticksFromWire } from "@tidepool/schedules";
import type { MissedTicks, StoredSchedule, Ticks } from "@tidepool/schedules";
import { descriptionMaxBytes } from "../limits.ts";
import { parseJson } from "./json.ts";
import { flexibleMaxMinutes, rateMaxMs, schedulePayloadMaxBytes } from "./limits.ts";

export type ScheduleSettings = Omit<
  StoredSchedule,
  "name" | "offsetMs" | "createdAtMs" | "updatedAtMs"
>;

type Wire = tidepool.v1.ScheduleSettings.$Properties;

const minuteMs = 60_000;
const missedWords: Readonly<Record<number, MissedTicks>> = {
  [tidepool.v1.MissedTicks.MISSED_TICKS_UNSPECIFIED]: "skip",
  [tidepool.v1.MissedTicks.MISSED_TICKS_SKIP]: "skip",
  [tidepool.v1.MissedTicks.MISSED_TICKS_ONE]: "one",
  [tidepool.v1.MissedTicks.MISSED_TICKS_ALL]: "all",
};

/**
 * @param beginsAtMs of a rate that names no begin
 * @throws TidepoolError `invalid`, naming everything that is wrong and its limits
 */
export function parseScheduleSettings(
  given: Wire | null | undefined,
  beginsAtMs: number,
  nowMs: number,
): ScheduleSettings {
  const settings = given ?? {};
  const problems = [
    ...targetProblems(settings.functionName, settings.qualifier),
    ...whenProblems(settings),
    ...otherProblems(settings),
  ];
  if (problems.length > 0) throw new TidepoolError("invalid", problems.join("; "));
  const ticks = ticksFromWire(settings, beginsAtMs);
  const payload = parseJson("payload", settings.payload, schedulePayloadMaxBytes);
  if (!settings.isPaused && nextTicks(ticks, nowMs, 1).length === 0) {
    throw new TidepoolError("invalid", `no tick is left after ${new Date(nowMs).toISOString()}`);
  }
  return {
    functionName: settings.functionName ?? "",
    qualifier: settings.qualifier ?? "",
    ticks,
    payload,
    windowMs: (settings.flexibleMinutes ?? 0) * minuteMs,
    missed: missedWords[settings.missed ?? 0] ?? "skip",
    isPaused: settings.isPaused ?? false,
    description: settings.description ?? "",
  };
}

/** What triggers of all kinds name: whom they call. */
export function targetProblems(
  functionName: string | null | undefined,
  qualifier: string | null | undefined,
): string[] {
  const problems: string[] = [];
  if (!subjects.isToken(functionName ?? "")) {
    problems.push(`function name '${(functionName ?? "").slice(0, 80)}' names no function`);
  }
  if (qualifier && !subjects.isName(qualifier)) {
    problems.push(`qualifier '${qualifier.slice(0, 80)}' is no version and no alias`);
  }
  return problems;
}

export function descriptionProblems(description: string | null | undefined): string[] {
  const bytes = Buffer.byteLength(description ?? "");
  return bytes <= descriptionMaxBytes
    ? []
    : [`description has ${bytes} bytes, the limit is ${descriptionMaxBytes}`];
}

function whenProblems({ cron, rateMs, onceAt, timeZone }: Wire): string[] {
  if (typeof cron === "string") {
    const problem = cronProblem({ cron, ...(timeZone ? { timeZone } : {}) });
    return problem === undefined ? [] : [problem];
  }
  if (timeZone) return ["a time zone is for cron alone: rates and single instants need none"];
  if (typeof rateMs === "number") {
    return rateMs >= rateMinMs && rateMs <= rateMaxMs
      ? []
      : [`rate of ${rateMs} ms must be ${rateMinMs} to ${rateMaxMs} ms`];
  }
  return onceAt ? [] : ["one of cron, rate_ms and once_at says when"];
}

function otherProblems(settings: Wire): string[] {
  const { flexibleMinutes, missed, fromAt, untilAt, description } = settings;
  const problems = descriptionProblems(description);
  if ((flexibleMinutes ?? 0) > flexibleMaxMinutes) {
    problems.push(
      `flexible window of ${flexibleMinutes} minutes must be at most ${flexibleMaxMinutes}`,
    );
  }
  if (missedWords[missed ?? 0] === undefined) problems.push(`missed of ${missed} is not known`);
  if (fromAt && untilAt && Number(fromAt.seconds ?? 0) >= Number(untilAt.seconds ?? 0)) {
    problems.push("until_at must be after from_at");
  }
  return problems;
}

/** Whether two settings tick at the same instants within the same windows: then an offset may stay. */
export function ticksAlike(before: ScheduleSettings, after: ScheduleSettings): boolean {
  return before.windowMs === after.windowMs && patternOf(before.ticks) === patternOf(after.ticks);
}

function patternOf(ticks: Ticks): string {
  if ("cron" in ticks) return `${ticks.cron} ${ticks.timeZone ?? ""}`;
  return "everyMs" in ticks ? `${ticks.everyMs} ${ticks.fromAtMs}` : String(ticks.atMs);
}
