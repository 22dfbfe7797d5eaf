/**
 * Frontends tell each other what they count towards limits: soon after a change, and each second while calls
 * run. A message that is lost is made up for by the next; a frontend that goes silent counts nothing.
 */
import { randomUUID } from "node:crypto";
import type { Bus, Stoppable } from "@tidepool/actors";
import type { Clock } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import type { Admission } from "../admission/admission.ts";
import { countsEveryMs, countsRepeatMs } from "../limits.ts";

const { CallCounts } = tidepool.internal.v1;

export class CountsExchange implements Stoppable {
  /** New with each start: counts of an earlier process do not go on. */
  readonly frontendId = `f-${randomUUID()}`;
  private readonly bus: Bus;
  private readonly admission: Admission;
  private readonly clock: Clock;
  private readonly subscription: Stoppable;
  private readonly timer: NodeJS.Timeout;
  private toldAtMs = 0;

  constructor(bus: Bus, admission: Admission, clock: Clock) {
    this.bus = bus;
    this.admission = admission;
    this.clock = clock;
    this.subscription = bus.subscribe(subjects.allCallCounts, CallCounts, (message) => {
      const { frontendId, counts } = message;
      if (!frontendId || frontendId === this.frontendId) return;
      const news = (counts ?? []).map(({ key, underWay, begun }) => ({
        key: key ?? "",
        underWay: underWay ?? 0,
        begun: begun ?? 0,
      }));
      admission.note(frontendId, news, clock.nowMs());
    });
    this.timer = setInterval(() => this.tellWhenDue(), countsEveryMs);
  }

  /** Tells a last time: what still runs is cut off soon. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.tellWhenDue();
    await this.subscription.stop();
  }

  private tellWhenDue(): void {
    const { counts } = this.admission;
    const nowMs = this.clock.nowMs();
    const isRepeatDue = nowMs - this.toldAtMs >= countsRepeatMs && counts.isBusy;
    // What is not told now is told when the server is back.
    if (!this.bus.isConnected || !(counts.hasNews || isRepeatDue)) return;
    this.toldAtMs = nowMs;
    this.bus.publish(subjects.callCounts(this.frontendId), CallCounts, {
      frontendId: this.frontendId,
      at: toTimestamp(nowMs),
      counts: [...counts.takeNews()],
    });
  }
}
