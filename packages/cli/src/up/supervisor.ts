/**
 * Keeps the parts of a system running: a part that dies is named with its last words and started again,
 * later each time it dies soon; one that keeps dying ends the system. Parts stop in the reverse order of
 * their start, so that NATS goes last.
 */
import { systemClock, TidepoolError } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { deferred } from "../deferred.ts";
import { lastWords } from "./service-process.ts";
import type { RunningProcess } from "./service-process.ts";

export interface PartSpec {
  readonly name: string;
  start(signal: AbortSignal): Promise<RunningProcess>;
}

export const backoffFirstMs = 500;
export const backoffMaxMs = 15_000;
/** A part that ran this long has recovered: its next death counts as the first. */
export const recoveredAfterMs = 60_000;
export const restartsMax = 8;

export class Supervisor {
  /** Rejects when a part cannot be kept running. */
  readonly failed: Promise<never>;
  private readonly fail: (error: TidepoolError) => void;
  private readonly parts: { name: string; running: RunningProcess | undefined }[] = [];
  private readonly starts: Promise<unknown>[] = [];
  private readonly watches: Promise<void>[] = [];
  private readonly stopping = new AbortController();
  private readonly stopped = new Promise<void>((resolve) => {
    this.stopping.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  private readonly holds = new Map<string, ReturnType<typeof deferred<void>>>();
  private readonly say: (line: string) => void;
  private readonly clock: Clock;

  /** @param say takes lines for people */
  constructor(say: (line: string) => void, clock: Clock = systemClock) {
    this.say = say;
    this.clock = clock;
    const failed = deferred<never>();
    this.failed = failed.promise;
    this.fail = failed.reject;
    this.failed.catch(() => {}); // who waits for it gets it; nobody may
  }

  /** Starts a part and keeps it running from then on. */
  async start(spec: PartSpec, signal: AbortSignal): Promise<void> {
    const part: { name: string; running: RunningProcess | undefined } = {
      name: spec.name,
      running: undefined,
    };
    this.parts.push(part);
    const either = AbortSignal.any([signal, this.stopping.signal]);
    const starting = spec.start(either);
    this.starts.push(starting.catch(() => {}));
    const running = await starting;
    part.running = running;
    this.watches.push(this.keep(spec, part, running));
  }

  private async keep(
    spec: PartSpec,
    part: { running: RunningProcess | undefined },
    first: RunningProcess,
  ): Promise<void> {
    const { signal } = this.stopping;
    let running: RunningProcess | undefined = first;
    let deaths = 0;
    while (!signal.aborted) {
      if (running !== undefined) {
        const sinceMs = this.clock.nowMs();
        const reason = await running.exited;
        if (signal.aborted) return;
        if (this.clock.nowMs() - sinceMs > recoveredAfterMs) deaths = 0;
        this.say(`${spec.name} died (${reason})${lastWords(running.lastLines())}`);
        running.kill();
      }
      const held = this.holds.get(spec.name);
      if (held !== undefined) {
        deaths = 0;
        await Promise.race([held.promise, this.stopped]);
      }
      deaths += 1;
      if (deaths > restartsMax) {
        this.fail(
          new TidepoolError("unavailable", `${spec.name} died ${deaths} times in a row, giving up`),
        );
        return;
      }
      const waitMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** (deaths - 1));
      this.say(`${spec.name} starts again in ${waitMs} ms`);
      running = await this.startAgain(spec, waitMs, signal);
      part.running = running;
    }
  }

  private async startAgain(
    spec: PartSpec,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<RunningProcess | undefined> {
    try {
      await this.clock.sleep(waitMs, signal);
      const running = await spec.start(signal);
      this.say(`${spec.name} is running again`);
      return running;
    } catch (error) {
      if (!signal.aborted) this.say(TidepoolError.from(error).message);
      return undefined;
    }
  }

  /** A part that dies from now on stays dead until `release`. */
  hold(name: string): void {
    if (!this.holds.has(name)) this.holds.set(name, deferred<void>());
  }

  release(name: string): void {
    this.holds.get(name)?.resolve();
    this.holds.delete(name);
  }

  /** Stops every part, the last started first. */
  async stop(): Promise<void> {
    this.stopping.abort(new TidepoolError("cancelled", "the system stops"));
    await Promise.all(this.starts);
    for (const part of this.parts.toReversed()) await part.running?.stop();
    await Promise.all(this.watches);
  }
}
