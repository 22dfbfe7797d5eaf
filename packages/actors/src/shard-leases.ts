/**
 * Ownership of shards among the members of a cluster, by leases in a key-value bucket.
 *
 *   taken ──▶ held ──another is preferred──▶ drained ──▶ given back
 *               ╰──not renewed in time, or taken by another──▶ lost at once
 *
 * A lease changes by compare-and-set only, and its epoch grows each time that it is taken, so that of two
 * members who both believe to own a shard the commands of one are refused. A member is alive while its key
 * keeps changing, by the observer's own monotonic clock; a member that could not renew its key gives up
 * all its shards before any observer can take it for dead. Clocks of different machines are never compared,
 * but for keys that were left behind long ago.
 *
 * What is followed may be read from a copy of the bucket that is behind, or has gone wrong when its server was killed.
 * So a member that does not hear its own renewals begins to read anew, and lets others take over when that does not
 * help; the leases themselves are looked up in turn where they are written.
 */
import { messageOf, systemClock, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import type { Bus } from "./bus.ts";
import { followBucket } from "./follow.ts";
import type { BucketEntry, Following } from "./follow.ts";
import { fromJetStream } from "./jetstream-error.ts";
import { OwnEcho } from "./own-echo.ts";
import { assignShards } from "./shard-assignment.ts";
import type { LeaseView } from "./shard-assignment.ts";
import type { Storage } from "./storage.ts";

const { Member, ShardLease } = tidepool.internal.v1;

export interface LeaseTiming {
  readonly renewEveryMs: number;
  /** A member that was not seen to renew for so long is dead. */
  readonly memberTtlMs: number;
  /** A member stops acting so long before the others may take it for dead. */
  readonly fenceMarginMs: number;
  /** Longest that draining may hold up giving a shard back. */
  readonly drainMaxMs: number;
}

export const leaseTimingDefault: LeaseTiming = {
  renewEveryMs: 1_000,
  memberTtlMs: 4_000,
  fenceMarginMs: 1_000,
  drainMaxMs: 2_000,
};

/** Leases that are looked up where they are written, with each renewal. */
export const leasesCheckedAtOnce = 16;

/** A key whose age by the server's clock exceeds the time to live by this was left by a dead member. */
export const clockSkewMaxMs = 5_000;

export type LossReason = "handover" | "fenced" | "taken";

export interface ShardLeasesOptions {
  readonly bus: Bus;
  readonly storage: Storage;
  readonly memberId: string;
  readonly shardCount: number;
  readonly logger: Logger;
  /** The shard is ours: start it. */
  readonly onTaken: (shard: number, epoch: number) => void;
  /** Stop it. At a handover the lease is given back after the promise has settled. */
  readonly onLost: (shard: number, reason: LossReason) => Promise<void>;
  readonly timing?: LeaseTiming;
}

interface KnownLease extends LeaseView {
  readonly revision: number;
}

interface HeldLease {
  readonly epoch: number;
  readonly revision: number;
}

export class ShardLeases {
  private readonly options: ShardLeasesOptions;
  private readonly timing: LeaseTiming;
  private readonly logger: Logger;
  private readonly members = new Map<string, number>(); // when last seen to renew, monotonic
  private readonly leases = new Map<number, KnownLease>();
  private readonly held = new Map<number, HeldLease>();
  /** Shards whose lease is being changed by us right now. */
  private readonly changing = new Set<number>();
  private readonly stopped = new AbortController();
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  private readonly echo = new OwnEcho();
  private readAgainAtMs = Number.NEGATIVE_INFINITY;
  private nextChecked = 0;
  private checking: Promise<void> | undefined;
  private fenceTimer: NodeJS.Timeout | undefined;
  private following: Following | undefined;
  private renewing: Promise<void> = Promise.resolve();
  private isAssignmentDue = false;
  private isReady = false;

  constructor(options: ShardLeasesOptions) {
    this.options = options;
    this.timing = options.timing ?? leaseTimingDefault;
    this.logger = options.logger.child({ part: "leases", memberId: options.memberId });
  }

  /** Resolves when the member is announced and its first shards are being taken. */
  async start(): Promise<void> {
    this.following = await followBucket(this.options.bus, this.options.storage, {
      bucket: subjects.buckets.leases,
      logger: this.logger,
      receive: (entry) => this.receive(entry),
      onRound: () => this.trustMembersAgain(),
    });
    await this.following.caughtUp;
    await this.renew();
    this.isReady = true;
    this.assign();
    this.renewing = this.keepRenewing();
  }

  /** Gives everything back, so that others need not wait for the time to live. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.renewing;
    await this.checking;
    await Promise.all([...this.held.keys()].map((shard) => this.giveBack(shard)));
    clearTimeout(this.fenceTimer);
    await this.following?.stop();
    if (!this.options.bus.isConnected) return;
    await this.options.storage.leases
      .delete(`member.${this.options.memberId}`)
      .catch((error: unknown) =>
        this.logger.warn("member key left behind", { error: messageOf(error) }),
      );
  }

  /** The epoch to act under, or undefined when this process must not act for the shard. */
  epochOf(shard: number): number | undefined {
    return this.isFenced() ? undefined : this.held.get(shard)?.epoch;
  }

  /** Shards that this process owns, ascending. */
  heldShards(): readonly number[] {
    return this.isFenced() ? [] : [...this.held.keys()].sort((a, b) => a - b);
  }

  private isFenced(): boolean {
    return monotonicMs() - this.renewedAtMs >= this.timing.memberTtlMs - this.timing.fenceMarginMs;
  }

  private async keepRenewing(): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      try {
        await systemClock.sleep(this.timing.renewEveryMs, signal);
      } catch {
        return;
      }
      // What it does not own for that others are to take over.
      if (this.echo.deafMs(monotonicMs()) < this.timing.memberTtlMs) {
        await this.renew().catch((error: unknown) =>
          this.logger.warn("lease not renewed", { error: messageOf(error) }),
        );
      }
      this.readAgainWhenDeaf();
      // Not waited for: renewals must go on.
      this.checking ??= this.check().finally(() => (this.checking = undefined));
      this.assign();
    }
  }

  private async renew(): Promise<void> {
    const { memberId, storage } = this.options;
    const sentAtMs = monotonicMs();
    const value = Member.encode({
      schedulerId: memberId,
      renewedAt: toTimestamp(systemClock.nowMs()),
    }).finish();
    const key = `member.${memberId}`;
    try {
      const timeout = this.timing.renewEveryMs;
      this.echo.wrote(await storage.leases.put(key, value, { timeout }), sentAtMs);
    } catch (error) {
      throw fromJetStream(error, `membership of ${memberId}`);
    }
    this.renewedAtMs = sentAtMs;
    clearTimeout(this.fenceTimer);
    const fenceInMs =
      sentAtMs + this.timing.memberTtlMs - this.timing.fenceMarginMs - monotonicMs();
    this.fenceTimer = setTimeout(() => this.fence(), Math.max(0, Math.ceil(fenceInMs)));
  }

  private fence(): void {
    const shards = [...this.held.keys()];
    if (shards.length > 0) {
      this.logger.warn("fenced: no renewal in time", { shardCount: shards.length });
    }
    for (const shard of shards) this.lose(shard, "fenced");
  }

  private receive(entry: BucketEntry): void {
    const [kind, id = ""] = entry.key.split(".");
    if (kind === "member") {
      this.receiveMember(id, entry);
    } else if (kind === "shard" && entry.value !== undefined) {
      const { ownerId, epoch } = ShardLease.decode(entry.value);
      const known = this.leases.get(Number(id));
      if (known === undefined || known.revision < entry.revision) {
        this.leases.set(Number(id), { ownerId, epoch, revision: entry.revision });
      }
    }
    this.assignSoon();
  }

  private receiveMember(id: string, entry: BucketEntry): void {
    if (id === this.options.memberId) this.echo.heard(entry.revision, monotonicMs());
    if (entry.value === undefined) {
      this.members.delete(id);
      return;
    }
    const ageMs = systemClock.nowMs() - entry.storedAtMs;
    if (ageMs > this.timing.memberTtlMs + clockSkewMaxMs) this.members.delete(id);
    else this.members.set(id, monotonicMs());
  }

  /** Others may be alive whom we take for dead. */
  private isDeaf(): boolean {
    return this.echo.deafMs(monotonicMs()) > this.timing.memberTtlMs / 2;
  }

  private readAgainWhenDeaf(): void {
    const pauseMs = monotonicMs() - this.readAgainAtMs;
    if (!this.isDeaf() || pauseMs < this.timing.memberTtlMs / 2) return;
    this.readAgainAtMs = monotonicMs();
    this.logger.warn("own renewals not heard: reading again");
    this.following?.again();
  }

  /** Some of the leases, in turn, as the leader of the bucket has them. */
  private async check(): Promise<void> {
    const { shardCount } = this.options;
    const count = Math.min(leasesCheckedAtOnce, shardCount);
    const first = this.nextChecked;
    this.nextChecked = (first + count) % shardCount;
    const numbers = Array.from({ length: count }, (_, index) => (first + index) % shardCount);
    await Promise.all(numbers.map((shard) => this.checkLease(shard)));
  }

  private async checkLease(shard: number): Promise<void> {
    const heard = this.leases.get(shard);
    const entry = await this.options.storage.leases.get(`shard.${shard}`).catch(() => undefined);
    if (!entry) return;
    const { revision } = entry;
    const { ownerId, epoch } = ShardLease.decode(entry.value);
    if (heard?.revision === revision && heard.epoch === epoch && heard.ownerId === ownerId) return;
    // What has just changed is heard in a moment.
    await systemClock.sleep(this.timing.renewEveryMs, this.stopped.signal).catch(() => {});
    if (this.leases.get(shard) !== heard || this.changing.has(shard)) return;
    this.logger.warn("lease was not as it was heard", { shard });
    this.leases.set(shard, { ownerId, epoch, revision });
  }

  /** While we were away we could not hear the others either: that is no evidence against them. */
  private trustMembersAgain(): void {
    for (const id of this.members.keys()) this.members.set(id, monotonicMs());
  }

  private aliveIds(): ReadonlySet<string> {
    const alive = new Set([this.options.memberId]);
    for (const [id, seenAtMs] of this.members) {
      if (monotonicMs() - seenAtMs < this.timing.memberTtlMs) alive.add(id);
    }
    return alive;
  }

  /** After the burst of entries that comes with a change, once. */
  private assignSoon(): void {
    if (this.isAssignmentDue) return;
    this.isAssignmentDue = true;
    setImmediate(() => {
      this.isAssignmentDue = false;
      this.assign();
    });
  }

  private assign(): void {
    if (!this.isReady || this.stopped.signal.aborted || this.isFenced()) return;
    // Who hears nothing takes all others for dead.
    if (!this.echo.hasHeard || this.isDeaf()) return;
    const held = new Map([...this.held].map(([shard, { epoch }]) => [shard, epoch]));
    const { take, giveBack, lost } = assignShards({
      me: this.options.memberId,
      aliveIds: this.aliveIds(),
      leases: this.leases,
      held,
      shardCount: this.options.shardCount,
    });
    for (const shard of lost) this.lose(shard, "taken");
    for (const shard of take) void this.take(shard);
    for (const shard of giveBack) void this.giveBack(shard);
  }

  private async take(shard: number): Promise<void> {
    if (this.changing.has(shard)) return;
    this.changing.add(shard);
    const { memberId, onTaken } = this.options;
    const known = this.leases.get(shard);
    const epoch = (known?.epoch ?? 0) + 1;
    try {
      const revision = await this.write(shard, { ownerId: memberId, epoch }, known?.revision);
      if (this.isFenced() || this.stopped.signal.aborted) return;
      this.held.set(shard, { epoch, revision });
      this.logger.debug("shard taken", { shard, epoch });
      onTaken(shard, epoch);
    } catch (error) {
      this.noteFailedChange(shard, error);
    } finally {
      this.changing.delete(shard);
    }
  }

  private async giveBack(shard: number): Promise<void> {
    if (this.changing.has(shard)) return;
    this.changing.add(shard);
    try {
      const held = this.held.get(shard);
      if (held !== undefined) await this.drain(shard);
      // Lost while it was drained: the lease is another's, or unknown because we are fenced.
      if (this.isFenced() || this.held.get(shard) !== held) return;
      const lease = held ?? this.leases.get(shard);
      if (lease === undefined) return;
      this.held.delete(shard);
      await this.write(shard, { ownerId: "", epoch: lease.epoch }, lease.revision);
      this.logger.debug("shard given back", { shard, epoch: lease.epoch });
    } catch (error) {
      this.noteFailedChange(shard, error);
    } finally {
      this.changing.delete(shard);
    }
  }

  private async drain(shard: number): Promise<void> {
    const drained = new AbortController();
    const tooLong = systemClock.sleep(this.timing.drainMaxMs, drained.signal).then(
      () => this.logger.warn("draining took too long", { shard }),
      () => {}, // drained in time
    );
    const ending = this.options
      .onLost(shard, "handover")
      .catch((error: unknown) => this.logger.error("shard not drained", { shard, error }));
    await Promise.race([ending, tooLong]);
    drained.abort();
  }

  private lose(shard: number, reason: LossReason): void {
    if (!this.held.delete(shard)) return;
    this.logger.warn("shard lost", { shard, reason });
    this.options
      .onLost(shard, reason)
      .catch((error: unknown) => this.logger.error("shard not stopped", { shard, error }));
  }

  private async write(
    shard: number,
    lease: LeaseView,
    revision: number | undefined,
  ): Promise<number> {
    const { leases } = this.options.storage;
    const value = ShardLease.encode(lease).finish();
    const key = `shard.${shard}`;
    try {
      const written =
        revision === undefined
          ? await leases.create(key, value)
          : await leases.update(key, value, revision);
      this.leases.set(shard, { ...lease, revision: written });
      return written;
    } catch (error) {
      throw fromJetStream(error, `lease of shard ${shard}`);
    }
  }

  /** Nothing is known of a change that failed: what the bucket tells next decides. */
  private noteFailedChange(shard: number, error: unknown): void {
    const failure = TidepoolError.from(error);
    if (failure.code === "stale") this.logger.debug("another was faster", { shard });
    else this.logger.warn("lease not changed", { shard, error: failure.message });
  }
}

function monotonicMs(): number {
  return performance.now();
}
