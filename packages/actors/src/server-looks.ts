/**
 * Looks whether all servers of the bucket of leases are together, while that is of use: it tells a member that knows no
 * witness of another, as after all others have died, that this one is dead and not cut off. What comes of it is in
 * membership.ts.
 */
import type { Bus } from "./bus.ts";
import { areTogether, lookedAt } from "./majority-watch.ts";
import type { Membership } from "./membership.ts";

/** The leader hears each server once a second at least, on a machine that has much to do somewhat later. */
export const serverSilenceMaxMs = 2_000;

export interface ServerLooksOptions {
  readonly bus: Pick<Bus, "connection" | "knownServerCount">;
  readonly everyMs: number;
  readonly members: Membership;
  readonly onLooked: () => void;
}

export class ServerLooks {
  private readonly options: ServerLooksOptions;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: ServerLooksOptions) {
    this.options = options;
  }

  start(): void {
    void this.look();
    this.timer = setInterval(() => void this.look(), this.options.everyMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const { bus, everyMs, members, onLooked } = this.options;
    const sentAtMs = performance.now();
    if (!members.hasStrangers(sentAtMs)) return members.looked(sentAtMs, false);
    const answer = await bus.connection
      .request(lookedAt, new Uint8Array(), { timeout: 2 * everyMs })
      .catch(() => undefined); // the next one may tell
    if (answer === undefined) return;
    const isWhole = areTogether(answer.string(), bus.knownServerCount, serverSilenceMaxMs);
    members.looked(sentAtMs, isWhole);
    if (isWhole) onLooked();
  }
}
