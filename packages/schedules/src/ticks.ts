/**
 * When a schedule is due: pure, with no clock of its own. Ticks are instants, the same in every process.
 *
 * Cron is read by the wall clock of its time zone. Where the clock springs forward over a fixed time, its tick
 * comes at the first instant after the gap; where the clock falls back over one, it comes once, the first time.
 * A pattern with a wildcard or a step in seconds, minutes or hours goes on through both by the wall clock: it
 * skips what does not exist and comes again in the repeated hour.
 */
import { given } from "@tidepool/common";
import { Cron } from "croner";

export interface CronTicks {
  /** Five fields, or six with seconds first, or a nickname as "@daily". */
  readonly cron: string;
  /** IANA name; UTC where absent. */
  readonly timeZone?: string;
}

export interface RateTicks {
  /** Between two ticks; the first is at `fromAtMs`. */
  readonly everyMs: number;
  readonly fromAtMs: number;
}

export interface OnceTick {
  readonly atMs: number;
}

export type Ticks = (CronTicks | RateTicks | OnceTick) & {
  /** No tick before it. */
  readonly fromAtMs?: number;
  /** No tick at it or after it. */
  readonly untilAtMs?: number;
};

/** Shortest time between two ticks of a rate; cron has seconds as its finest field. */
export const rateMinMs = 1_000;
/** Longest cron expression, characters. */
export const cronLengthMax = 200;

/**
 * The next `count` ticks after an instant, soonest first; fewer when there are no more.
 *
 * @throws TypeError or RangeError for what `ticksProblem` finds fault with
 */
export function nextTicks(ticks: Ticks, afterMs: number, count: number): readonly number[] {
  const { fromAtMs = Number.NEGATIVE_INFINITY, untilAtMs = Number.POSITIVE_INFINITY } = ticks;
  // Instants are whole milliseconds, so that the one at fromAtMs is after the one before it.
  const sinceMs = Math.max(afterMs, fromAtMs - 1);
  return upcoming(ticks, sinceMs, count).filter((atMs) => atMs < untilAtMs);
}

/** The latest `count` ticks after one instant and not after another, oldest first. */
export function ticksBetween(
  ticks: Ticks,
  afterMs: number,
  throughMs: number,
  count: number,
): readonly number[] {
  const { fromAtMs = Number.NEGATIVE_INFINITY, untilAtMs = Number.POSITIVE_INFINITY } = ticks;
  const sinceMs = Math.max(afterMs, fromAtMs - 1);
  const lastMs = Math.min(throughMs, untilAtMs - 1);
  if (lastMs <= sinceMs || count <= 0) return [];
  return (
    forwards(ticks, sinceMs, lastMs, count) ??
    past(ticks, lastMs, count).filter((atMs) => atMs > sinceMs && atMs <= lastMs)
  );
}

/** As few are looked for as there are: mostly none or one. Undefined when there are more than `count`. */
function forwards(
  ticks: Ticks,
  sinceMs: number,
  lastMs: number,
  count: number,
): readonly number[] | undefined {
  const found: number[] = [];
  while (found.length <= count) {
    const asked = Math.min(Math.max(1, found.length), count);
    const more = upcoming(ticks, found.at(-1) ?? sinceMs, asked);
    const passed = more.filter((atMs) => atMs <= lastMs);
    found.push(...passed);
    if (passed.length < asked) return found.length <= count ? found : undefined;
  }
  return undefined;
}

/** What is wrong with a cron expression or its time zone, in words; undefined when nothing is. */
export function cronProblem({ cron, timeZone }: CronTicks): string | undefined {
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    return `time zone '${timeZone}' is not known; it is an IANA name, as in Europe/Berlin`;
  }
  const pattern = cron.trim();
  if (cron.length > cronLengthMax) {
    return `cron expression has ${cron.length} characters, at most ${cronLengthMax} are allowed`;
  }
  const fieldCount = pattern.split(/\s+/).length;
  if (!pattern.startsWith("@") && fieldCount !== 5 && fieldCount !== 6) {
    const told = pattern === "" ? "no" : String(fieldCount);
    const fields = fieldCount === 1 && pattern !== "" ? "field" : "fields";
    return `cron expression '${cron}' has ${told} ${fields}; it has five, or six with seconds first`;
  }
  try {
    if (parsed({ cron, ...given({ timeZone }) }).nextRun() === null) {
      return `cron expression '${cron}' names a date that never comes`;
    }
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^Cron\w+: /, "") : String(error);
    return `cron expression '${cron}' cannot be read: ${why.replace(/\.$/, "")}`;
  }
  return undefined;
}

export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function upcoming(ticks: Ticks, sinceMs: number, count: number): number[] {
  if ("cron" in ticks) {
    return parsed(ticks)
      .nextRuns(count, new Date(Math.max(sinceMs, 0)))
      .map((at) => at.getTime());
  }
  if ("atMs" in ticks) return ticks.atMs > sinceMs ? [ticks.atMs] : [];
  const { everyMs, fromAtMs } = ticks;
  const first = Math.max(0, Math.floor((sinceMs - fromAtMs) / everyMs) + 1);
  return Array.from({ length: count }, (_, index) => fromAtMs + (first + index) * everyMs);
}

function past(ticks: Ticks, lastMs: number, count: number): number[] {
  if ("cron" in ticks) {
    // Those before the next whole second are those up to lastMs.
    return parsed(ticks)
      .previousRuns(count, new Date(Math.floor(lastMs / 1_000) * 1_000 + 1_000))
      .map((at) => at.getTime())
      .toReversed();
  }
  if ("atMs" in ticks) return [ticks.atMs];
  const { everyMs, fromAtMs } = ticks;
  const last = Math.floor((lastMs - fromAtMs) / everyMs);
  const length = Math.max(0, Math.min(count, last + 1));
  return Array.from({ length }, (_, index) => fromAtMs + (last - length + 1 + index) * everyMs);
}

/** Patterns that are kept parsed. */
const patternsKeptMax = 2_000;
const patterns = new Map<string, Cron>();

function parsed({ cron, timeZone = "UTC" }: CronTicks): Cron {
  const key = `${timeZone} ${cron}`;
  const known = patterns.get(key);
  if (known !== undefined) return known;
  const pattern = cron.trim();
  const options = {
    timezone: timeZone,
    paused: true,
    fixedTimeRule: "no-wildcard",
    ...(pattern.startsWith("@") ? {} : { mode: "5-or-6-parts" as const }),
  } as const;
  const made = new Cron(pattern, options);
  const oldest = patterns.keys().next();
  if (patterns.size >= patternsKeptMax && oldest.done !== true) patterns.delete(oldest.value);
  patterns.set(key, made);
  return made;
}
