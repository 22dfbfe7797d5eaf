/**
 * Facts on their way out, in order: soon, but never within the step that made them, so that no call waits
 * for what is told of it. Facts of calls that come and go leave together: on a busy host a write for each
 * costs as much as the call.
 */
import type { tidepool } from "@tidepool/proto";
import type { Announcements } from "../ports.ts";

type VmFact = tidepool.internal.v1.VmFact.$Properties;

/** A fact of a call that came or went is told at the latest after this. */
export const trafficFactMs = 10;

export class FactQueue {
  private readonly announcements: Announcements;
  private waiting: VmFact[] = [];
  private timer: NodeJS.Timeout | undefined;
  private isSoon = false;

  constructor(announcements: Announcements) {
    this.announcements = announcements;
  }

  add(fact: VmFact, isTraffic: boolean): void {
    this.waiting.push(fact);
    if (isTraffic) {
      this.timer ??= setTimeout(() => this.flush(), trafficFactMs);
    } else if (!this.isSoon) {
      this.isSoon = true;
      setImmediate(() => this.flush());
    }
  }

  /** Tells what waits. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.isSoon = false;
    const facts = this.waiting;
    this.waiting = [];
    for (const fact of facts) this.announcements.fact(fact);
  }
}
