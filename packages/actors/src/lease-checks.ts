/**
 * Looks leases up where they are written, some at a time and in turn: what is followed may be a copy that is behind,
 * or has gone wrong.
 */
import { systemClock } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import type { LeaseView } from "./shard-assignment.ts";
import type { Storage } from "./storage.ts";

const { ShardLease } = tidepool.internal.v1;

/** Looked up at once. */
export const leasesCheckedAtOnce = 16;

export interface KnownLease extends LeaseView {
  readonly revision: number;
}

export interface LeaseChecksOptions {
  readonly storage: Storage;
  readonly shardCount: number;
  readonly logger: Logger;
  /** As they were heard; mended here. */
  readonly leases: Map<number, KnownLease>;
  /** Shards whose lease is being changed by us. */
  readonly changing: ReadonlySet<number>;
  /** What has just changed is heard within this time. */
  readonly settleMs: number;
  readonly signal: AbortSignal;
}

export class LeaseChecks {
  private readonly options: LeaseChecksOptions;
  private nextShard = 0;
  private checking: Promise<void> | undefined;

  constructor(options: LeaseChecksOptions) {
    this.options = options;
  }

  /** Not waited for, and not begun before those before have ended: renewals must go on. */
  next(): void {
    this.checking ??= this.check().finally(() => (this.checking = undefined));
  }

  async settled(): Promise<void> {
    await this.checking;
  }

  private async check(): Promise<void> {
    const { shardCount } = this.options;
    const count = Math.min(leasesCheckedAtOnce, shardCount);
    const first = this.nextShard;
    this.nextShard = (first + count) % shardCount;
    const numbers = Array.from({ length: count }, (_, index) => (first + index) % shardCount);
    await Promise.all(numbers.map((shard) => this.checkLease(shard)));
  }

  private async checkLease(shard: number): Promise<void> {
    const { leases, changing, settleMs, signal, storage, logger } = this.options;
    const heard = leases.get(shard);
    const entry = await storage.leases.get(`shard.${shard}`).catch(() => undefined);
    if (!entry) return;
    const { revision } = entry;
    const { ownerId, epoch } = ShardLease.decode(entry.value);
    if (heard?.revision === revision && heard.epoch === epoch && heard.ownerId === ownerId) return;
    await systemClock.sleep(settleMs, signal).catch(() => {});
    if (leases.get(shard) !== heard || changing.has(shard)) return;
    logger.warn("lease was not as it was heard", { shard });
    leases.set(shard, { ownerId, epoch, revision });
  }
}
