/** Schedules: what calls functions by the clock. */
import { TidepoolError, given } from "@tidepool/common";
import { fromTimestamp, tidepool, tidepoolService, toTimestamp } from "@tidepool/proto";
import type { Caller } from "./caller.ts";
import { encodePayload } from "./parse.ts";
import type { CallLimits } from "./transport.ts";

/** When a schedule is due: one of the three. */
export type When =
  /** Five fields, or six with seconds first. */
  | { readonly cron: string; readonly timeZone?: string }
  /** From the schedule's begin on; at least 1000. */
  | { readonly everyMs: number }
  | { readonly atMs: number };

/** What becomes of ticks that passed while nobody could begin them: none, the newest, or each (at most 1000). */
export type MissedTicks = "skip" | "one" | "all";

export interface ScheduleSettings {
  readonly functionName: string;
  readonly when: When;
  /** A version or an alias; absent: the active version. */
  readonly qualifier?: string;
  /** The data of the CloudEvent that the function gets; null when absent. */
  readonly payload?: unknown;
  /** Each tick begins anywhere in so many minutes, always by the same offset; 0: at its instant; at most 1440. */
  readonly flexibleMinutes?: number;
  /** Default: skip. */
  readonly missed?: MissedTicks;
  readonly fromAtMs?: number;
  /** No tick at it or after it. */
  readonly untilAtMs?: number;
  readonly isPaused?: boolean;
  readonly description?: string;
}

export interface Schedule {
  readonly name: string;
  readonly settings: ScheduleSettings;
  readonly revision: string;
  readonly updatedAtMs: number;
  /** When the next ticks begin, soonest first, at most 10. */
  readonly nextAtMs: readonly number[];
  /** From the instant of a tick to when it begins. */
  readonly offsetMs: number;
  /** When the last tick was begun, and the call that it became; absent before the first. */
  readonly lastAtMs?: number;
  readonly lastRequestId?: string;
}

export interface PutOptions extends CallLimits {
  /** Refused with `stale` when the stored one's is another. */
  readonly revision?: string;
}

const { MissedTicks: Wire } = tidepool.v1;
const missedToWire = {
  skip: Wire.MISSED_TICKS_SKIP,
  one: Wire.MISSED_TICKS_ONE,
  all: Wire.MISSED_TICKS_ALL,
} as const satisfies Record<MissedTicks, tidepool.v1.MissedTicks>;

export class SchedulesClient {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** Creates a schedule, or replaces its settings. */
  async put(
    name: string,
    settings: ScheduleSettings,
    { revision = "", ...limits }: PutOptions = {},
  ): Promise<Schedule> {
    const request = { name, settings: settingsToWire(settings), revision };
    return parseSchedule(await this.caller.change(tidepoolService.putSchedule, request, limits));
  }

  async get(name: string, limits: CallLimits = {}): Promise<Schedule> {
    return parseSchedule(await this.caller.read(tidepoolService.getSchedule, { name }, limits));
  }

  /** By name. @param functionName of all functions when absent */
  async list(functionName?: string, limits: CallLimits = {}): Promise<readonly Schedule[]> {
    const request = { functionName: functionName ?? "" };
    const { schedules } = await this.caller.read(tidepoolService.listSchedules, request, limits);
    return (schedules ?? []).map(parseSchedule);
  }

  async delete(name: string, limits: CallLimits = {}): Promise<void> {
    await this.caller.change(tidepoolService.deleteSchedule, { name }, limits);
  }
}

function settingsToWire(settings: ScheduleSettings): tidepool.v1.ScheduleSettings.$Properties {
  const { when, payload, missed = "skip", fromAtMs, untilAtMs, ...rest } = settings;
  return {
    ...rest,
    ...whenToWire(when),
    ...(payload === undefined ? {} : { payload: encodePayload(payload) }),
    missed: missedToWire[missed],
    ...(fromAtMs === undefined ? {} : { fromAt: toTimestamp(fromAtMs) }),
    ...(untilAtMs === undefined ? {} : { untilAt: toTimestamp(untilAtMs) }),
  };
}

function whenToWire(when: When): tidepool.v1.ScheduleSettings.$Properties {
  if ("cron" in when) return { cron: when.cron, timeZone: when.timeZone ?? "" };
  return "everyMs" in when ? { rateMs: when.everyMs } : { onceAt: toTimestamp(when.atMs) };
}

function parseSchedule(wire: tidepool.v1.Schedule.$Properties): Schedule {
  const lastAtMs = fromTimestamp(wire.lastAt);
  return {
    name: wire.name ?? "",
    settings: parseSettings(wire.settings ?? {}),
    revision: wire.revision ?? "",
    updatedAtMs: fromTimestamp(wire.updatedAt) ?? 0,
    nextAtMs: (wire.nextAt ?? []).map((at) => fromTimestamp(at) ?? 0),
    offsetMs: wire.offsetMs ?? 0,
    ...(lastAtMs === undefined ? {} : { lastAtMs, lastRequestId: wire.lastRequestId ?? "" }),
  };
}

function parseSettings(wire: tidepool.v1.ScheduleSettings.$Properties): ScheduleSettings {
  const { payload, missed } = wire;
  const fromAtMs = fromTimestamp(wire.fromAt);
  const untilAtMs = fromTimestamp(wire.untilAt);
  const known = Object.entries(missedToWire).find(([, value]) => value === missed);
  return {
    functionName: wire.functionName ?? "",
    when: parseWhen(wire),
    ...(wire.qualifier ? { qualifier: wire.qualifier } : {}),
    ...(payload === undefined || payload === null || payload.byteLength === 0
      ? {}
      : { payload: JSON.parse(new TextDecoder().decode(payload)) as unknown }),
    flexibleMinutes: wire.flexibleMinutes ?? 0,
    missed: (known?.[0] ?? "skip") as MissedTicks,
    ...given({ fromAtMs, untilAtMs }),
    isPaused: wire.isPaused ?? false,
    description: wire.description ?? "",
  };
}

function parseWhen(wire: tidepool.v1.ScheduleSettings.$Properties): When {
  const { cron, rateMs, timeZone } = wire;
  if (typeof cron === "string") return { cron, ...(timeZone ? { timeZone } : {}) };
  if (typeof rateMs === "number") return { everyMs: rateMs };
  const atMs = fromTimestamp(wire.onceAt);
  if (atMs !== undefined) return { atMs };
  throw new TidepoolError("internal", "the server told of a schedule that is never due");
}
