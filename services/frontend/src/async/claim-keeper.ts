/**
 * Keeps the claim of one attempt while it runs. When the claim is lost (the record is no longer as this
 * frontend wrote it), or could not be renewed for claimGiveUpMs, the attempt is ended.
 */
import { TidepoolError } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { claimGiveUpMs, claimRenewMs } from "./limits.ts";
import { renewed } from "./next-state.ts";
import type { CallStore, StoredCall } from "./ports.ts";

export interface ClaimKeeperOptions {
  readonly calls: Pick<CallStore, "find" | "replace">;
  readonly clock: Clock;
  readonly claimed: StoredCall;
  /** Tells the queue that the work is in hand; called after each renewal. */
  readonly keepWork: () => void;
}

export class ClaimKeeper {
  private readonly options: ClaimKeeperOptions;
  private readonly ending = new AbortController();
  /** As last written by this frontend; undefined when the claim is lost. */
  private held: StoredCall | undefined;
  /** Of the monotonic clock, when the last write began that is known to stand. */
  private heldSinceMs = performance.now();
  private timer: NodeJS.Timeout;
  private giveUp: NodeJS.Timeout;
  /** Renewals one after the other. */
  private renewing: Promise<void> = Promise.resolve();
  private isReleased = false;

  constructor(options: ClaimKeeperOptions) {
    this.options = options;
    this.held = options.claimed;
    this.timer = setInterval(() => void this.renew(), claimRenewMs);
    this.giveUp = this.giveUpLater();
  }

  /** Aborts when the attempt must end. */
  get ended(): AbortSignal {
    return this.ending.signal;
  }

  end(reason: string): void {
    this.ending.abort(new TidepoolError("cancelled", reason));
  }

  /** Looks at the record, and claims it for longer. */
  renew(): Promise<void> {
    this.renewing = this.renewing.then(() => this.renewOnce());
    return this.renewing;
  }

  /** Ends the renewals. The call as it is claimed, to be written over; undefined when the claim is lost. */
  async release(): Promise<StoredCall | undefined> {
    this.isReleased = true;
    clearInterval(this.timer);
    clearTimeout(this.giveUp);
    await this.renewing;
    return this.held;
  }

  private async renewOnce(): Promise<void> {
    const { calls, clock, keepWork } = this.options;
    const { held } = this;
    if (held === undefined || this.isReleased) return;
    const beganAtMs = performance.now();
    try {
      const call = renewed(held.call, clock.nowMs());
      const revision = await calls.replace(call, held.revision);
      this.held = revision === undefined ? await this.ownWrite(held) : { call, revision };
    } catch {
      return; // NATS is away: the next renewal, or the end
    }
    if (this.held === undefined) return this.end("another has the call, or it was cancelled");
    this.heldSinceMs = beganAtMs;
    clearTimeout(this.giveUp);
    if (!this.isReleased) this.giveUp = this.giveUpLater();
    keepWork();
  }

  /** A write whose answer was lost has still been made: then the record has this claim. */
  private async ownWrite({ call }: StoredCall): Promise<StoredCall | undefined> {
    const found = await this.options.calls.find(call.requestId);
    const isOwn =
      found?.call.status === "running" && found.call.claim?.ownerId === call.claim?.ownerId;
    return isOwn ? found : undefined;
  }

  private giveUpLater(): NodeJS.Timeout {
    const leftMs = this.heldSinceMs + claimGiveUpMs - performance.now();
    return setTimeout(() => this.end("the claim of the call could not be renewed"), leftMs);
  }
}
