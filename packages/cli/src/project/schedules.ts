/** The schedules of a function in a project file, beside those that it has. */
import { isDeepStrictEqual } from "node:util";
import { TidepoolError, given } from "@tidepool/common";
import type { Schedule, ScheduleSettings, When } from "@tidepool/sdk";
import type { ProjectFunction, ProjectSchedule } from "./schema.ts";

export interface ScheduleChange {
  readonly name: string;
  readonly kind: "create" | "change" | "delete";
  /** Undefined of one that goes. */
  readonly settings: ScheduleSettings | undefined;
}

const minuteMs = 60_000;

/**
 * Where the file has the key `schedules`, it names all that the function has; where it has not, they are left
 * alone.
 *
 * @param deployed of all functions: a name is taken by whichever has it
 * @throws TidepoolError `invalid` when another function has a schedule of that name
 */
export function compareSchedules(
  functionName: string,
  { schedules }: ProjectFunction,
  deployed: readonly Schedule[],
): readonly ScheduleChange[] {
  if (schedules === undefined) return [];
  const [taken] = deployed.filter(
    ({ name, settings }) => schedules[name] !== undefined && settings.functionName !== functionName,
  );
  if (taken !== undefined) {
    const owner = taken.settings.functionName;
    throw new TidepoolError("invalid", `schedule '${taken.name}' is that of function '${owner}'`);
  }
  const wanted = Object.entries(schedules).map(
    ([name, entry]) => [name, settingsOf(functionName, entry)] as const,
  );
  const puts = wanted.flatMap(([name, settings]): ScheduleChange[] => {
    const before = deployed.find((each) => each.name === name);
    if (before === undefined) return [{ name, kind: "create", settings }];
    return isSame(settings, before.settings) ? [] : [{ name, kind: "change", settings }];
  });
  const gone = deployed
    .filter(({ settings }) => settings.functionName === functionName)
    .filter(({ name }) => schedules[name] === undefined)
    .map(({ name }): ScheduleChange => ({ name, kind: "delete", settings: undefined }));
  return [...puts, ...gone];
}

function settingsOf(functionName: string, entry: ProjectSchedule): ScheduleSettings {
  const { payload, qualifier, flexible = 0, missed = "skip", paused = false } = entry;
  return {
    functionName,
    when: whenOf(entry),
    ...given({ qualifier, payload }),
    flexibleMinutes: flexible / minuteMs,
    missed,
    isPaused: paused,
    description: entry.description ?? "",
  };
}

function whenOf({ cron, every, at, timeZone }: ProjectSchedule): When {
  if (cron !== undefined) return { cron, ...given({ timeZone }) };
  return every === undefined ? { atMs: Date.parse(at ?? "") } : { everyMs: every };
}

/** When a schedule begins is the server's, where the file does not say. */
function isSame(wanted: ScheduleSettings, deployed: ScheduleSettings): boolean {
  const { fromAtMs: _, ...rest } = deployed;
  return isDeepStrictEqual(wanted, rest);
}
