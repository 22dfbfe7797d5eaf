/**
 * What owners do with schedules. The frontend checks and stores them, and chooses each one's offset in its
 * window; the owner of the function's shard fires them.
 */
import { TidepoolError } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { subjects, toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { chooseOffsetMs, nextStarts, settingsToWire } from "@tidepool/schedules";
import type { Progress, StoredSchedule } from "@tidepool/schedules";
import { requireRoomFor } from "../count-limits.ts";
import { offsetNeighboursMax, ticksToldMax } from "./limits.ts";
import type { TriggerStore } from "./ports.ts";
import { parseScheduleSettings, ticksAlike } from "./schedule-settings.ts";

export interface SchedulesOptions {
  readonly store: TriggerStore<StoredSchedule>;
  readonly progressOf: (name: string) => Progress | undefined;
  /** @throws TidepoolError `notFound` */
  readonly requireFunction: (name: string) => Promise<unknown>;
  readonly clock: Clock;
}

type Api = tidepool.v1.Schedule.$Properties;

export class Schedules {
  private readonly options: SchedulesOptions;

  constructor(options: SchedulesOptions) {
    this.options = options;
  }

  /** @throws TidepoolError `invalid`, `notFound`, `stale` */
  async put(request: tidepool.v1.PutScheduleRequest.$Properties): Promise<Api> {
    const { store, clock, requireFunction } = this.options;
    const name = parseTriggerName("schedule", request.name);
    const nowMs = Math.floor(clock.nowMs());
    const known = await store.read(name);
    const before = known?.value;
    // A rate that names no begin keeps the one that it had.
    const settings = parseScheduleSettings(request.settings, before?.createdAtMs ?? nowMs, nowMs);
    await requireFunction(settings.functionName);
    requireRevision(`schedule '${name}'`, request.revision, before);
    if (before === undefined) requireRoomFor("schedules", name, store.values().map(nameOf));
    const offsetMs =
      before !== undefined && ticksAlike(before, settings)
        ? before.offsetMs
        : chooseOffsetMs({ ...settings, name }, this.neighbours(), nowMs);
    const createdAtMs = before?.createdAtMs ?? nowMs;
    const updatedAtMs = laterThan(before, nowMs);
    const stored = { ...settings, name, offsetMs, createdAtMs, updatedAtMs };
    const written = await store.write(name, stored, known?.revision ?? 0);
    if (written === undefined) throw writtenMeanwhile(`schedule '${name}'`);
    return this.toWire(stored);
  }

  /** @throws TidepoolError `notFound` */
  async get(given: string | undefined): Promise<Api> {
    const name = parseTriggerName("schedule", given);
    const known = await this.options.store.read(name);
    if (known?.value === undefined) throw new TidepoolError("notFound", `no schedule '${name}'`);
    return this.toWire(known.value);
  }

  /** By name. @param functionName "" for those of all functions */
  list(functionName: string): readonly Api[] {
    return this.options.store
      .values()
      .filter((stored) => functionName === "" || stored.functionName === functionName)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((stored) => this.toWire(stored));
  }

  /** @throws TidepoolError `notFound` */
  async remove(given: string | undefined): Promise<void> {
    const { name = "" } = await this.get(given);
    await this.options.store.remove(name);
  }

  /** All of a function. Resolves with their names; safe to repeat. */
  async removeOf(functionName: string): Promise<string[]> {
    const { store } = this.options;
    const names = store
      .values()
      .flatMap((each) => (each.functionName === functionName ? each.name : []));
    for (const name of names) await store.remove(name);
    return names.sort();
  }

  private neighbours(): readonly StoredSchedule[] {
    return this.options.store
      .values()
      .filter(({ isPaused }) => !isPaused)
      .slice(-offsetNeighboursMax);
  }

  private toWire(stored: StoredSchedule): Api {
    const { name, offsetMs, updatedAtMs, createdAtMs } = stored;
    const told = this.options.progressOf(name);
    const progress = told?.createdAtMs === createdAtMs ? told : undefined;
    const next = nextStarts(stored, progress, this.options.clock.nowMs(), ticksToldMax);
    return {
      name,
      settings: settingsToWire(stored),
      revision: revisionOf(stored),
      updatedAt: toTimestamp(updatedAtMs),
      nextAt: next.map(toTimestamp),
      offsetMs,
      ...(progress?.lastAtMs === undefined ? {} : { lastAt: toTimestamp(progress.lastAtMs) }),
      lastRequestId: progress?.lastRequestId ?? "",
    };
  }
}

/** @throws TidepoolError `invalid` */
export function parseTriggerName(kind: string, name: string | undefined): string {
  if (name !== undefined && subjects.isToken(name)) return name;
  throw new TidepoolError(
    "invalid",
    `${kind} name '${(name ?? "").slice(0, 80)}' must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
  );
}

export function nameOf({ name }: { readonly name: string }): string {
  return name;
}

interface Revised {
  readonly updatedAtMs: number;
}

/** Grows with every change, whatever the clock does. */
export function laterThan(before: Revised | undefined, nowMs: number): number {
  return before === undefined ? nowMs : Math.max(nowMs, before.updatedAtMs + 1);
}

export function revisionOf({ updatedAtMs }: Revised): string {
  return updatedAtMs.toString(36);
}

/** @throws TidepoolError `stale` when one was named and it is not the one that is stored */
export function requireRevision(
  what: string,
  asked: string | undefined,
  stored: Revised | undefined,
): void {
  if (!asked || (stored !== undefined && asked === revisionOf(stored))) return;
  const has = stored === undefined ? "does not exist" : `has revision ${revisionOf(stored)}`;
  throw new TidepoolError("stale", `${what} ${has}, not ${asked.slice(0, 80)}`, {
    component: "client",
    reason: "revision",
  });
}

export function writtenMeanwhile(what: string): TidepoolError {
  return new TidepoolError("stale", `${what} was changed by somebody else at the same time`);
}
