/** What a deploy would change, for people: a sign as in a diff, then what differs. */
import type { FunctionDescription } from "@tidepool/sdk";
import { formatBytes } from "../terminal/format.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { Difference } from "./compare.ts";
import type { ProjectChange } from "./deploy-project.ts";
import { formatDuration } from "./duration.ts";
import type { ScheduleChange } from "./schedules.ts";

export function describeChange(
  { name, kind, isCodeNew, settings, schedules }: ProjectChange,
  codeBytes: number,
  deployed: FunctionDescription | undefined,
  terminal: Terminal,
): string {
  if (kind === "none" && schedules.length === 0)
    return terminal.paint("dim", `  ${name}: nothing differs`);
  const code =
    deployed === undefined
      ? `code: ${formatBytes(codeBytes)}`
      : `code: ${formatBytes(deployed.codeBytes ?? 0)} → ${formatBytes(codeBytes)}`;
  const sign = terminal.paint(
    kind === "create" ? "green" : "yellow",
    kind === "create" ? "+" : "~",
  );
  const shown = kind === "create" ? settings.filter(isNotEmpty) : settings;
  const lines = [
    ...(isCodeNew ? [code] : []),
    ...shown.map(describeDifference),
    ...schedules.map(describeSchedule),
  ];
  return [`${sign} ${name}`, ...lines.map((line) => `    ${line}`)].join("\n");
}

function describeSchedule({ name, kind, settings }: ScheduleChange): string {
  if (settings === undefined) return `schedule ${name} goes`;
  const { when } = settings;
  const due =
    "cron" in when
      ? `${when.cron}${when.timeZone === undefined ? "" : ` ${when.timeZone}`}`
      : "everyMs" in when
        ? `every ${formatDuration(when.everyMs)}`
        : `at ${new Date(when.atMs).toISOString()}`;
  return `schedule ${name}${kind === "create" ? " is new" : " changes"}: ${due}`;
}

/** What a new function does not have need not be said. 0 calls at once, or no retry, is something that it has. */
function isNotEmpty({ what, after }: Difference): boolean {
  if (after === "" || after === false || after === undefined) return false;
  if (what === "coldStartCost" && after === 0) return false;
  return !(Array.isArray(after) && after.length === 0);
}

export function describeDifference({ what, before, after }: Difference): string {
  if (before === undefined) return `${what}: ${shown(what, after)}`;
  return `${what}: ${shown(what, before)} → ${after === undefined ? "none" : shown(what, after)}`;
}

function shown(what: string, value: unknown): string {
  if (typeof value === "number") return what.endsWith("Ms") ? formatDuration(value) : String(value);
  return typeof value === "string" ? value || '""' : JSON.stringify(value);
}
