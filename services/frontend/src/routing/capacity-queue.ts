/**
 * Calls that wait because every host is full: the first of a version is woken when a VM of it becomes idle,
 * and each looks again by itself from time to time, since other VMs go too.
 */
import { TidepoolError } from "@tidepool/common";
import {
  capacityLookFirstMs,
  capacityLookMaxMs,
  capacityLooksPerSecondMax,
  capacityWaitersMax,
} from "../limits.ts";

export interface Waiting {
  readonly functionName: string;
  readonly version: string;
  /** Times that this call has looked already. */
  readonly looks: number;
  readonly maxMs: number;
}

export class CapacityQueue {
  private readonly waiters = new Map<string, Set<() => void>>();
  private count = 0;

  /**
   * Resolves when a VM of the version may be idle, or when it is time to look again, after maxMs at the latest.
   * @throws TidepoolError `noCapacity` when capacityWaitersMax calls wait already; the signal's reason
   */
  async wait({ functionName, version, looks, maxMs }: Waiting, signal: AbortSignal): Promise<void> {
    if (this.count >= capacityWaitersMax) {
      throw new TidepoolError(
        "noCapacity",
        `${this.count} calls wait for a VM, the limit is ${capacityWaitersMax}`,
        { component: "frontend", reason: "queueFull", retryAfterMs: capacityLookMaxMs },
      );
    }
    const key = `${functionName}@${version}`;
    this.count += 1;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiters = this.waiters.get(key) ?? new Set();
        const onAbort = (): void => done(() => reject(signal.reason as Error));
        const wake = (): void => done(resolve);
        const timer = setTimeout(wake, Math.min(maxMs, this.lookAgainMs(looks)));
        const done = (settle: () => void): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
          waiters.delete(wake);
          if (waiters.size === 0) this.waiters.delete(key);
          settle();
        };
        this.waiters.set(key, waiters.add(wake));
        signal.addEventListener("abort", onAbort, { once: true });
        if (signal.aborted) onAbort();
      });
    } finally {
      this.count -= 1;
    }
  }

  /** A VM of the version is idle: the call that has waited longest may have it. */
  wake(functionName: string, version: string): void {
    const [first] = this.waiters.get(`${functionName}@${version}`) ?? [];
    first?.();
  }

  /** The more wait, the more seldom each looks. */
  private lookAgainMs(looks: number): number {
    const fairMs = (this.count / capacityLooksPerSecondMax) * 1_000;
    return Math.min(capacityLookMaxMs, Math.max(fairMs, capacityLookFirstMs * 2 ** looks));
  }
}
