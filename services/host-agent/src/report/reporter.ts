/** Sends the host's heartbeat: each second, and soon after a change, but never for each change of a burst. */
import type { Clock } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import type { Announcements } from "../ports.ts";

export const heartbeatMs = 1_000;
/** A change of what the host can do is told at the latest after this. */
export const changeTellMs = 50;
/** Calls that come and go change only counts, and facts tell of each: these need less hurry. */
export const trafficTellMs = 250;

export class Reporter {
  private readonly announcements: Announcements;
  private readonly clock: Clock;
  private readonly read: (nowMs: number) => tidepool.internal.v1.HostHeartbeat.$Properties;
  private timer: NodeJS.Timeout | undefined;
  private dueAtMs = Number.POSITIVE_INFINITY;
  private isStopped = false;

  constructor(
    announcements: Announcements,
    clock: Clock,
    read: (nowMs: number) => tidepool.internal.v1.HostHeartbeat.$Properties,
  ) {
    this.announcements = announcements;
    this.clock = clock;
    this.read = read;
  }

  /** Something has changed: to be told at the latest after so long. */
  note(withinMs: number): void {
    if (this.isStopped || this.clock.nowMs() + withinMs >= this.dueAtMs) return;
    this.tellIn(withinMs);
  }

  tell(): void {
    if (this.isStopped) return;
    this.announcements.heartbeat(this.read(this.clock.nowMs()));
    this.tellIn(heartbeatMs);
  }

  /** Tells a last time. */
  stop(): void {
    this.tell();
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private tellIn(ms: number): void {
    clearTimeout(this.timer);
    this.dueAtMs = this.clock.nowMs() + ms;
    this.timer = setTimeout(() => this.tell(), ms);
  }
}
