/** A schedule as frontends store it and the owner of its function's shard fires it, and how far it has come. */
import { createHash } from "node:crypto";
import { TidepoolError, given } from "@tidepool/common";
import { fromTimestamp, tidepool, toTimestamp } from "@tidepool/proto";
import type { Ticks } from "./ticks.ts";

export type MissedTicks = "skip" | "one" | "all";

export interface StoredSchedule {
  readonly name: string;
  readonly functionName: string;
  /** A version or an alias; empty: the active version. */
  readonly qualifier: string;
  readonly ticks: Ticks;
  /** JSON. */
  readonly payload: Uint8Array;
  /** 0: each tick begins at its instant. */
  readonly windowMs: number;
  /** From the instant of a tick to when it begins; less than the window. */
  readonly offsetMs: number;
  readonly missed: MissedTicks;
  readonly isPaused: boolean;
  readonly description: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface Progress {
  /** Of the schedule that it tells of: a later one of the same name begins anew. */
  readonly createdAtMs: number;
  /** The instant of the latest tick that has been begun or passed over; so have all before it. */
  readonly settledAtMs: number;
  /** When the latest one was begun, and what call it became; undefined and "" before the first. */
  readonly lastAtMs: number | undefined;
  readonly lastRequestId: string;
  readonly skipped: number;
}

const { ScheduleProgress, ScheduleRecord } = tidepool.internal.v1;
const minuteMs = 60_000;

export function encodeSchedule(stored: StoredSchedule): Uint8Array {
  return ScheduleRecord.encode({
    schedule: {
      name: stored.name,
      settings: settingsToWire(stored),
      updatedAt: toTimestamp(stored.updatedAtMs),
      offsetMs: stored.offsetMs,
    },
    createdAt: toTimestamp(stored.createdAtMs),
  }).finish();
}

/** @throws TidepoolError `invalid` when it was not written by encodeSchedule */
export function decodeSchedule(bytes: Uint8Array): StoredSchedule {
  const { schedule, createdAt } = ScheduleRecord.decode(bytes);
  const settings = schedule?.settings;
  if (!settings?.functionName || !schedule?.name) {
    throw new TidepoolError("invalid", "the record holds no schedule");
  }
  const createdAtMs = fromTimestamp(createdAt) ?? 0;
  return {
    name: schedule.name,
    functionName: settings.functionName,
    qualifier: settings.qualifier ?? "",
    ticks: ticksFromWire(settings, createdAtMs),
    payload: settings.payload ?? new Uint8Array(),
    windowMs: (settings.flexibleMinutes ?? 0) * minuteMs,
    offsetMs: schedule.offsetMs ?? 0,
    missed: missedFromWire(settings.missed),
    isPaused: settings.isPaused ?? false,
    description: settings.description ?? "",
    createdAtMs,
    updatedAtMs: fromTimestamp(schedule.updatedAt) ?? 0,
  };
}

/** @param beginsAtMs of a rate that names no begin @throws TidepoolError `invalid` when it says no `when` */
export function ticksFromWire(
  settings: tidepool.v1.ScheduleSettings.$Properties,
  beginsAtMs: number,
): Ticks {
  const { cron, rateMs, onceAt, timeZone } = settings;
  const fromAtMs = fromTimestamp(settings.fromAt);
  const untilAtMs = fromTimestamp(settings.untilAt);
  const bounds = given({ fromAtMs, untilAtMs });
  if (typeof cron === "string") return { cron, ...(timeZone ? { timeZone } : {}), ...bounds };
  if (typeof rateMs === "number") {
    return { ...bounds, everyMs: rateMs, fromAtMs: fromAtMs ?? beginsAtMs };
  }
  const atMs = fromTimestamp(onceAt);
  if (atMs === undefined) {
    throw new TidepoolError("invalid", "a schedule needs one of cron, rate and once");
  }
  return { atMs, ...bounds };
}

export function settingsToWire(stored: StoredSchedule): tidepool.v1.ScheduleSettings.$Properties {
  const { ticks, functionName, qualifier, payload, isPaused, description } = stored;
  const { fromAtMs, untilAtMs } = ticks;
  return {
    functionName,
    qualifier,
    ...whenToWire(ticks),
    payload,
    flexibleMinutes: Math.round(stored.windowMs / minuteMs),
    missed: missedToWire[stored.missed],
    ...(fromAtMs === undefined ? {} : { fromAt: toTimestamp(fromAtMs) }),
    ...(untilAtMs === undefined ? {} : { untilAt: toTimestamp(untilAtMs) }),
    isPaused,
    description,
  };
}

export function encodeProgress(progress: Progress): Uint8Array {
  const { createdAtMs, settledAtMs, lastAtMs, lastRequestId, skipped } = progress;
  return ScheduleProgress.encode({
    createdAt: toTimestamp(createdAtMs),
    settledAt: toTimestamp(settledAtMs),
    ...(lastAtMs === undefined ? {} : { lastAt: toTimestamp(lastAtMs) }),
    lastRequestId,
    skipped,
  }).finish();
}

export function decodeProgress(bytes: Uint8Array): Progress {
  const { createdAt, settledAt, lastAt, lastRequestId, skipped } = ScheduleProgress.decode(bytes);
  return {
    createdAtMs: fromTimestamp(createdAt) ?? 0,
    settledAtMs: fromTimestamp(settledAt) ?? 0,
    lastAtMs: fromTimestamp(lastAt),
    lastRequestId: lastRequestId ?? "",
    skipped: skipped ?? 0,
  };
}

/** Calls that declared ticks became are told from others by it. */
const tickIdPrefix = "tick-";

/** The call that a tick becomes, whoever begins it and however often: it is accepted once. */
export function tickRequestId(
  { name, createdAtMs }: Pick<StoredSchedule, "name" | "createdAtMs">,
  tickAtMs: number,
): string {
  const hash = createHash("sha256").update(`${name}/${createdAtMs}/${tickAtMs}`);
  return tickIdPrefix + hash.digest("hex").slice(0, 32);
}

export function isTickRequestId(requestId: string): boolean {
  // Asked of every call, and nearly none is one.
  return requestId.startsWith(tickIdPrefix) && /^tick-[0-9a-f]{32}$/.test(requestId);
}

function whenToWire(ticks: Ticks): tidepool.v1.ScheduleSettings.$Properties {
  if ("cron" in ticks) return { cron: ticks.cron, timeZone: ticks.timeZone ?? "" };
  if ("everyMs" in ticks) return { rateMs: ticks.everyMs };
  return { onceAt: toTimestamp(ticks.atMs) };
}

const { MissedTicks: Wire } = tidepool.v1;
const missedToWire = {
  skip: Wire.MISSED_TICKS_SKIP,
  one: Wire.MISSED_TICKS_ONE,
  all: Wire.MISSED_TICKS_ALL,
} as const satisfies Record<MissedTicks, tidepool.v1.MissedTicks>;

function missedFromWire(given: tidepool.v1.MissedTicks | null | undefined): MissedTicks {
  if (given === Wire.MISSED_TICKS_ONE) return "one";
  return given === Wire.MISSED_TICKS_ALL ? "all" : "skip";
}
