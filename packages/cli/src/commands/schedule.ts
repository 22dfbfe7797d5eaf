/** `tidepool schedule set|list|show|delete`: functions that are called by the clock. */
import { given } from "@tidepool/common";
import type { MissedTicks, Schedule, ScheduleSettings, When } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { usageError } from "../failure.ts";
import { parseJson } from "../files/given-file.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatDuration as formatExact } from "../project/duration.ts";
import { formatDuration, formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export interface ScheduleSetOptions extends ClientOptions {
  readonly function: string;
  readonly cron?: string;
  readonly every?: number;
  readonly at?: number;
  readonly timeZone?: string;
  readonly flexible?: number;
  readonly missed: MissedTicks;
  readonly payload?: string;
  readonly qualifier?: string;
  readonly from?: number;
  readonly until?: number;
  readonly pause?: boolean;
  readonly description?: string;
  readonly revision?: string;
}

export async function setSchedule(
  name: string,
  options: ScheduleSetOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { revision } = options;
  const settings = settingsOf(options);
  const schedule = await withClient(options, (client) =>
    client.schedules.put(name, settings, revision === undefined ? {} : { revision }),
  );
  if (options.json === true) return terminal.out(`${JSON.stringify(schedule)}\n`);
  const [next] = schedule.nextAtMs;
  terminal.say(
    next === undefined
      ? `schedule ${name} is set, and paused`
      : `schedule ${name} is set; it calls ${options.function} next at ${formatInstant(next)}`,
  );
}

export async function listSchedules(
  options: ClientOptions & { readonly function?: string },
  { terminal }: CommandContext,
): Promise<void> {
  const schedules = await withClient(options, (client) => client.schedules.list(options.function));
  if (options.json === true) return terminal.out(`${JSON.stringify(schedules)}\n`);
  if (schedules.length === 0) {
    return terminal.say(
      "no schedules; set one with: tidepool schedule set NAME --function F --every 5m",
    );
  }
  const columns = ["SCHEDULE", "FUNCTION", "WHEN", "WINDOW", "NEXT", "LAST"];
  terminal.out(
    renderTable(
      columns.map((title) => ({ title })),
      schedules.map(rowOf),
    ),
  );
}

export async function showSchedule(
  name: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const schedule = await withClient(options, (client) => client.schedules.get(name));
  if (options.json === true) return terminal.out(`${JSON.stringify(schedule)}\n`);
  terminal.out(describeSchedule(schedule));
}

export async function deleteSchedule(
  name: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  await withClient(options, (client) => client.schedules.delete(name));
  if (options.json === true) return terminal.out(`${JSON.stringify({ deleted: name })}\n`);
  terminal.say(`deleted ${name}`);
}

export function describeSchedule(schedule: Schedule): string {
  const { name, settings, nextAtMs, offsetMs, lastAtMs, lastRequestId, revision } = schedule;
  const { functionName, qualifier, payload, missed, description, fromAtMs, untilAtMs } = settings;
  const lines: (readonly [string, string | undefined])[] = [
    ["schedule", name],
    ["description", description || undefined],
    ["function", qualifier === undefined ? functionName : `${functionName}:${qualifier}`],
    ["when", whenInWords(settings.when)],
    ["window", windowInWords(settings, offsetMs)],
    ["missed", missed],
    ["from", fromAtMs === undefined ? undefined : new Date(fromAtMs).toISOString()],
    ["until", untilAtMs === undefined ? undefined : new Date(untilAtMs).toISOString()],
    ["payload", payload === undefined ? undefined : JSON.stringify(payload)],
    ["revision", revision],
    [
      "last",
      lastAtMs === undefined
        ? "never"
        : `${new Date(lastAtMs).toISOString()}, call ${lastRequestId}`,
    ],
    ["next", settings.isPaused === true ? "paused" : undefined],
    ...nextAtMs.map((atMs) => ["next", new Date(atMs).toISOString()] as const),
  ];
  return lines
    .filter(([, text]) => text !== undefined)
    .map(([title, text]) => `${title.padEnd(12)}${text}\n`)
    .join("");
}

function rowOf({ name, settings, nextAtMs, offsetMs, lastAtMs }: Schedule): string[] {
  return [
    name,
    settings.functionName,
    whenInWords(settings.when),
    windowInWords(settings, offsetMs) ?? "-",
    settings.isPaused === true ? "paused" : formatInstant(nextAtMs[0]),
    formatInstant(lastAtMs),
  ];
}

export function whenInWords(when: When): string {
  if ("cron" in when) return `${when.cron} ${when.timeZone ?? "UTC"}`;
  if ("everyMs" in when) return `every ${formatExact(when.everyMs)}`;
  return `at ${new Date(when.atMs).toISOString()}`;
}

function windowInWords(
  { flexibleMinutes = 0 }: ScheduleSettings,
  offsetMs: number,
): string | undefined {
  if (flexibleMinutes === 0) return undefined;
  return `${flexibleMinutes} min, begins ${formatDuration(offsetMs)} into it`;
}

function settingsOf(options: ScheduleSetOptions): ScheduleSettings {
  const { flexible, missed, qualifier, from, until, pause, description } = options;
  return {
    functionName: options.function,
    when: whenOf(options),
    missed,
    ...(options.payload === undefined ? {} : { payload: parseJson(options.payload, "--payload") }),
    ...given({
      flexibleMinutes: flexible,
      qualifier,
      fromAtMs: from,
      untilAtMs: until,
      isPaused: pause,
      description,
    }),
  };
}

function whenOf({ cron, every, at, timeZone }: ScheduleSetOptions): When {
  if (cron !== undefined) return { cron, ...given({ timeZone }) };
  if (timeZone !== undefined) throw usageError("--time-zone is for --cron alone");
  if (every !== undefined) return { everyMs: every };
  if (at !== undefined) return { atMs: at };
  throw usageError("when it is due is missing", "give --cron, --every or --at");
}
