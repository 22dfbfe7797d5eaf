/** A clock that stands until the test moves it. Who sleeps wakes in the order of their instants. */
import type { Clock } from "@tidepool/common";

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

export class VirtualClock implements Clock {
  private atMs: number;
  private readonly sleepers = new Set<Sleeper>();

  constructor(startMs: number) {
    this.atMs = startMs;
  }

  nowMs(): number {
    return this.atMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        this.sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      const wake = (): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const sleeper = { atMs: this.atMs + ms, wake };
      this.sleepers.add(sleeper);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** From one sleeper's instant to the next; between two everything that follows from the first has happened. */
  async moveTo(untilMs: number): Promise<void> {
    await settled();
    for (let next = this.next(); next !== undefined && next.atMs <= untilMs; next = this.next()) {
      this.atMs = Math.max(this.atMs, next.atMs);
      this.sleepers.delete(next);
      next.wake();
      await settled();
    }
    this.atMs = Math.max(this.atMs, untilMs);
  }

  private next(): Sleeper | undefined {
    let soonest: Sleeper | undefined;
    for (const sleeper of this.sleepers) {
      if (soonest === undefined || sleeper.atMs < soonest.atMs) soonest = sleeper;
    }
    return soonest;
  }
}

/** Promises settle in microtasks, and all of those come before this. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
