/** All schedules and how far each has come, kept up to date from their buckets; and when functions are due by them. */
import { followBucket } from "@tidepool/actors";
import type { BucketEntry, Bus, Following, Storage } from "@tidepool/actors";
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { decodeProgress, decodeSchedule, nextStarts } from "@tidepool/schedules";
import type { StoredSchedule } from "@tidepool/schedules";
import type { DeclaredCalls, DeclaredStart } from "../ports.ts";
import type { KnownProgress, ScheduleSource } from "./ports.ts";

interface Known {
  readonly revision: number;
  readonly stored: StoredSchedule;
  /** The first start after fromMs, where it was asked for: the same after every instant between the two. */
  fromMs: number;
  nextMs: number | undefined;
}

const neverTold: KnownProgress = { revision: 0, progress: undefined };

export class ScheduleBook implements ScheduleSource, DeclaredCalls {
  private readonly options: {
    readonly shardCount: number;
    readonly logger: Logger;
    /** A schedule of the function was set, changed or deleted. */
    readonly onChanged: (name: string, functionName: string) => void;
  };
  private readonly schedules = new Map<string, Known>();
  private readonly byFunction = new Map<string, Map<string, Known>>();
  private readonly progress = new Map<string, KnownProgress>();
  private followings: Following[] = [];

  constructor(options: ScheduleBook["options"]) {
    this.options = options;
  }

  /** Resolves when all that is stored now is known. */
  async start(bus: Bus, storage: Storage): Promise<void> {
    const { logger } = this.options;
    const follow = (bucket: string, receive: (entry: BucketEntry) => void): Promise<Following> =>
      followBucket(bus, storage, { bucket, logger, receive });
    // How far a schedule has come is known before the schedule is.
    const progress = await follow(subjects.buckets.scheduleProgress, (entry) =>
      this.receiveProgress(entry),
    );
    this.followings.push(progress);
    await progress.caughtUp;
    const schedules = await follow(subjects.buckets.schedules, (entry) =>
      this.receiveSchedule(entry),
    );
    this.followings.push(schedules);
    await schedules.caughtUp;
  }

  async stop(): Promise<void> {
    await Promise.all(this.followings.map((following) => following.stop()));
  }

  ofShard(shard: number): readonly StoredSchedule[] {
    return [...this.schedules.values()]
      .map(({ stored }) => stored)
      .filter(({ functionName }) => this.shardOf(functionName) === shard);
  }

  find(name: string): StoredSchedule | undefined {
    return this.schedules.get(name)?.stored;
  }

  progressOf(name: string): KnownProgress {
    return this.progress.get(name) ?? neverTold;
  }

  nextStart(functionName: string, afterMs: number): number | undefined {
    let soonest: number | undefined;
    for (const known of this.byFunction.get(functionName)?.values() ?? []) {
      const atMs = nextOf(known, afterMs);
      if (atMs !== undefined && (soonest === undefined || atMs < soonest)) soonest = atMs;
    }
    return soonest;
  }

  startsWithin(functionName: string, fromMs: number, throughMs: number): readonly DeclaredStart[] {
    const starts: DeclaredStart[] = [];
    for (const known of this.byFunction.get(functionName)?.values() ?? []) {
      const { name: schedule, qualifier } = known.stored;
      let atMs = nextOf(known, fromMs - 1);
      while (atMs !== undefined && atMs <= throughMs) {
        starts.push({ atMs, schedule, qualifier });
        [atMs] = nextStarts(known.stored, undefined, atMs, 1);
      }
    }
    return starts.sort((a, b) => a.atMs - b.atMs);
  }

  functionsOf(shard: number): readonly string[] {
    return [...this.byFunction.keys()].filter((name) => this.shardOf(name) === shard);
  }

  private shardOf(functionName: string): number {
    return subjects.shardOf(functionName, this.options.shardCount);
  }

  private receiveSchedule({ key, revision, value }: BucketEntry): void {
    const before = this.schedules.get(key);
    if (before !== undefined && before.revision >= revision) return; // told again after a reconnect
    if (before !== undefined) this.takeOut(before.stored);
    const stored = this.read(key, value, decodeSchedule);
    if (stored === undefined) this.schedules.delete(key);
    else {
      const known: Known = { revision, stored, fromMs: 0, nextMs: undefined };
      this.schedules.set(key, known);
      let own = this.byFunction.get(stored.functionName);
      if (own === undefined) this.byFunction.set(stored.functionName, (own = new Map()));
      own.set(key, known);
    }
    const former = before?.stored.functionName;
    if (former !== undefined && former !== stored?.functionName) {
      this.options.onChanged(key, former);
    }
    if (stored !== undefined) this.options.onChanged(key, stored.functionName);
  }

  private receiveProgress({ key, revision, value }: BucketEntry): void {
    if (this.progressOf(key).revision >= revision) return;
    this.progress.set(key, { revision, progress: this.read(key, value, decodeProgress) });
  }

  private takeOut({ name, functionName }: StoredSchedule): void {
    const own = this.byFunction.get(functionName);
    own?.delete(name);
    if (own?.size === 0) this.byFunction.delete(functionName);
  }

  private read<T>(
    name: string,
    value: Uint8Array | undefined,
    decode: (bytes: Uint8Array) => T,
  ): T | undefined {
    if (value === undefined) return undefined;
    try {
      return decode(value);
    } catch (error) {
      this.options.logger.error("schedule unreadable", { name, error: messageOf(error) });
      return undefined;
    }
  }
}

function nextOf(known: Known, afterMs: number): number | undefined {
  const { fromMs, nextMs } = known;
  if (nextMs !== undefined && fromMs <= afterMs && afterMs < nextMs) return nextMs;
  known.fromMs = afterMs;
  [known.nextMs] = nextStarts(known.stored, undefined, afterMs, 1);
  return known.nextMs;
}
