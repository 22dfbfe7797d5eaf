/**
 * Begins the ticks of one shard's schedules: each becomes an accepted call, whose id follows from the schedule and
 * the tick, so that owners of the shard who follow each other, and every repetition, make the same call once.
 *
 *   due ──▶ accept (again while it fails and the tick is not too late) ──▶ progress ──▶ next
 *
 * How far a schedule has come is written after its calls were accepted: what was not written is begun again.
 */
import { codes, messageOf, TidepoolError } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import { dueTicks, lateMaxMs, tickEvent, tickRequestId } from "@tidepool/schedules";
import type { DueTicks, Progress, StoredSchedule } from "@tidepool/schedules";
import type { CallAcceptor, KnownProgress, ProgressStore, ScheduleSource } from "./ports.ts";

export interface TickFirerOptions {
  readonly shard: number;
  readonly schedules: ScheduleSource;
  readonly acceptor: CallAcceptor;
  readonly progress: ProgressStore;
  /** Undefined when the shard is not ours to act for. */
  readonly epochOf: (shard: number) => number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The system's clock may be set: what is due by it is looked at so often at least. */
export const lookAgainMaxMs = 30_000;
/** Before a tick is tried again whose call was not accepted. */
export const acceptAgainMs = 500;

export class TickFirer {
  private readonly options: TickFirerOptions;
  private readonly logger: Logger;
  private readonly stopping = new AbortController();
  /** Newer than what the bucket has told so far. */
  private readonly written = new Map<string, KnownProgress>();
  private readonly nextAtMs = new Map<string, number>();
  private readonly firing = new Map<string, Promise<void>>();
  private waiting = new AbortController();

  constructor(options: TickFirerOptions) {
    this.options = options;
    this.logger = options.logger.child({ part: "schedules", shard: options.shard });
  }

  /** What was missed is seen to first. */
  start(): void {
    for (const { name } of this.options.schedules.ofShard(this.options.shard)) {
      this.nextAtMs.set(name, 0);
    }
    void this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.waiting.abort();
    await Promise.all(this.firing.values());
  }

  /** It was set, changed or deleted. */
  changed(name: string): void {
    this.nextAtMs.set(name, 0);
    this.waiting.abort();
  }

  private async run(): Promise<void> {
    const { clock } = this.options;
    while (!this.stopping.signal.aborted) {
      this.waiting = new AbortController();
      const nowMs = clock.nowMs();
      let nextAtMs = nowMs + lookAgainMaxMs;
      for (const [name, atMs] of this.nextAtMs) {
        if (atMs <= nowMs) this.begin(name);
        else nextAtMs = Math.min(nextAtMs, atMs);
      }
      await clock.sleep(Math.max(1, nextAtMs - nowMs), this.waiting.signal).catch(() => {});
    }
  }

  private begin(name: string): void {
    this.nextAtMs.delete(name);
    if (this.firing.has(name)) return; // looked at again when that is done
    const work = this.fire(name)
      .catch((error: unknown) => {
        this.logger.error("schedule not fired", { schedule: name, error });
        return this.options.clock.nowMs() + acceptAgainMs;
      })
      .then((nextAtMs) => {
        this.firing.delete(name);
        const asked = this.nextAtMs.get(name);
        const atMs = Math.min(
          asked ?? Number.POSITIVE_INFINITY,
          nextAtMs ?? Number.POSITIVE_INFINITY,
        );
        if (Number.isFinite(atMs)) this.nextAtMs.set(name, atMs);
        this.waiting.abort();
      });
    this.firing.set(name, work);
  }

  /** @returns when to look at it again; undefined when only a change of it can make it due */
  private async fire(name: string): Promise<number | undefined> {
    const { schedules, clock } = this.options;
    const schedule = schedules.find(name);
    if (schedule === undefined) {
      this.written.delete(name);
      return undefined;
    }
    const known = this.progressOf(name);
    const due = dueTicks(schedule, known.progress, clock.nowMs());
    if (due.instants.length === 0 && due.skipped === 0) return due.nextStartAtMs;
    const begun = await this.acceptAll(schedule, due);
    if (begun === undefined) return clock.nowMs() + acceptAgainMs;
    await this.settle(schedule, due, begun);
    return due.nextStartAtMs;
  }

  /** @returns the last call, "" when none was begun; undefined when it is to be tried again */
  private async acceptAll(schedule: StoredSchedule, due: DueTicks): Promise<string | undefined> {
    const { acceptor, shard, epochOf } = this.options;
    let last = "";
    for (const tickAtMs of due.instants) {
      if (this.stopping.signal.aborted || epochOf(shard) === undefined) return undefined;
      const requestId = tickRequestId(schedule, tickAtMs);
      const { functionName, qualifier, name } = schedule;
      const payload = tickEvent(schedule, tickAtMs, requestId);
      try {
        await acceptor.accept({ requestId, functionName, qualifier, payload });
        last = requestId;
      } catch (error) {
        const failure = TidepoolError.from(error);
        const told = { schedule: name, tick: new Date(tickAtMs).toISOString() };
        if (!this.isInVain(schedule, tickAtMs, failure)) {
          this.logger.warn("tick not accepted yet", { ...told, error: messageOf(failure) });
          return undefined;
        }
        this.logger.warn("tick lost", { ...told, error: messageOf(failure) });
      }
    }
    return last;
  }

  /** Trying again would change nothing, or be too late. */
  private isInVain(
    { windowMs, missed }: StoredSchedule,
    tickAtMs: number,
    { code }: TidepoolError,
  ): boolean {
    // A time limit says nothing of whether the call was accepted: asked again it is answered.
    if (!codes[code].retryable && code !== "timeout") return true;
    const endsAtMs = tickAtMs + Math.max(windowMs, lateMaxMs);
    return missed === "skip" && this.options.clock.nowMs() > endsAtMs;
  }

  private async settle(
    schedule: StoredSchedule,
    due: DueTicks,
    lastRequestId: string,
  ): Promise<void> {
    const { clock, progress: store } = this.options;
    const { name, createdAtMs } = schedule;
    for (;;) {
      const { revision, progress } = this.progressOf(name);
      const before = progress?.createdAtMs === createdAtMs ? progress : undefined;
      if (before !== undefined && before.settledAtMs >= due.settledAtMs) return;
      const next: Progress = {
        createdAtMs,
        settledAtMs: due.settledAtMs,
        lastAtMs: lastRequestId === "" ? before?.lastAtMs : clock.nowMs(),
        lastRequestId: lastRequestId === "" ? (before?.lastRequestId ?? "") : lastRequestId,
        skipped: (before?.skipped ?? 0) + due.skipped,
      };
      const written = await this.tryWrite(name, next, revision);
      if (written !== undefined) {
        this.written.set(name, { revision: written, progress: next });
        return;
      }
      if (this.stopping.signal.aborted) return;
      await clock.sleep(acceptAgainMs, this.stopping.signal).catch(() => {});
      const known = await store.read(name).catch(() => undefined);
      if (known !== undefined) this.written.set(name, known);
    }
  }

  private async tryWrite(
    name: string,
    progress: Progress,
    revision: number,
  ): Promise<number | undefined> {
    try {
      return await this.options.progress.write(name, progress, revision);
    } catch (error) {
      this.logger.warn("progress of a schedule not kept yet", {
        schedule: name,
        error: messageOf(error),
      });
      return undefined;
    }
  }

  private progressOf(name: string): KnownProgress {
    const told = this.options.schedules.progressOf(name);
    const written = this.written.get(name);
    return written !== undefined && written.revision > told.revision ? written : told;
  }
}
