/**
 * Ownership of shards among the members of a cluster, by leases in a key-value bucket.
 *
 *   taken ──▶ held ──another is preferred──▶ drained ──▶ given back
 *               ╰──not renewed in time, or taken by another──▶ lost at once
 *
 * A lease changes by compare-and-set only, and its epoch grows each time that it is taken, so that of two
 * members who both believe to own a shard the commands of one are refused. A member is alive while its key
 * keeps changing, or while it calls, by the observer's own monotonic clock; a member that could not renew its key and
 * has nobody's word gives up all its shards before any observer can take it for dead (see membership.ts). Clocks of
 * different machines are never compared, but for keys that were left behind long ago.
 *
 * What is followed may be read from a copy of the bucket that is behind, or has gone wrong when its server was killed.
 * So a member that does not hear its own renewals begins to read anew, and lets others take over when that does not
 * help; the leases themselves are looked up in turn where they are written.
 */
import { messageOf, systemClock, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import type { Bus } from "./bus.ts";
import { drained } from "./drained.ts";
import { followBucket } from "./follow.ts";
import type { BucketEntry, Following } from "./follow.ts";
import { leaseTimingDefault, leftBehindAfterMs } from "./lease-timing.ts";
import type { LeaseTiming } from "./lease-timing.ts";
import { LeaseChecks } from "./lease-checks.ts";
import type { KnownLease } from "./lease-checks.ts";
import { MemberCalls } from "./member-calls.ts";
import { MemberKeys } from "./member-keys.ts";
import { Membership } from "./membership.ts";
import { OwnEcho } from "./own-echo.ts";
import { writeLease, writeMember } from "./lease-store.ts";
import { untilStored } from "./until-stored.ts";
import { ServerLooks } from "./server-looks.ts";
import { assignShards } from "./shard-assignment.ts";
import type { LeaseView } from "./shard-assignment.ts";
import type { Storage } from "./storage.ts";

const { ShardLease } = tidepool.internal.v1;

/** What failed is tried again after this part of the time between renewals. */
const renewAgainShare = 4;

export type LossReason = "handover" | "fenced" | "taken";

export interface ShardLeasesOptions {
  readonly bus: Bus;
  readonly storage: Storage;
  readonly memberId: string;
  readonly shardCount: number;
  readonly logger: Logger;
  /** Where others are there, who hand over as soon as this one is announced. */
  readonly beforeJoining?: () => Promise<void>;
  /** The shard is ours: start it. */
  readonly onTaken: (shard: number, epoch: number) => void;
  /** Stop it. At a handover the lease is given back after the promise has settled. */
  readonly onLost: (shard: number, reason: LossReason) => Promise<void>;
  readonly timing?: LeaseTiming;
}

interface HeldLease {
  readonly epoch: number;
  readonly revision: number;
}

export class ShardLeases {
  private readonly options: ShardLeasesOptions;
  private readonly timing: LeaseTiming;
  private readonly logger: Logger;
  private readonly members: Membership;
  private readonly calls: MemberCalls;
  private readonly looks: ServerLooks;
  private readonly memberKeys = new MemberKeys();
  private readonly leases = new Map<number, KnownLease>();
  private readonly held = new Map<number, HeldLease>();
  /** Shards whose lease is being changed by us right now. */
  private readonly changing = new Set<number>();
  private readonly stopped = new AbortController();
  /** Ends the wait for the next renewal. */
  private soon = new AbortController();
  private readonly echo: OwnEcho;
  private readAgainAtMs = Number.NEGATIVE_INFINITY;
  private readonly checks: LeaseChecks;
  private fenceTimer: NodeJS.Timeout | undefined;
  /** At the instant at which the next member is dead unless it is heard. */
  private deathTimer: NodeJS.Timeout | undefined;
  private following: Following | undefined;
  private renewing: Promise<void> = Promise.resolve();
  private isAssignmentDue = false;
  private isReady = false;

  constructor(options: ShardLeasesOptions) {
    this.options = options;
    this.timing = options.timing ?? leaseTimingDefault;
    this.logger = options.logger.child({ part: "leases", memberId: options.memberId });
    this.echo = new OwnEcho(this.timing.memberTtlMs / 2);
    this.checks = new LeaseChecks({
      storage: options.storage,
      shardCount: options.shardCount,
      logger: this.logger,
      leases: this.leases,
      changing: this.changing,
      settleMs: this.timing.renewEveryMs,
      signal: this.stopped.signal,
    });
    this.members = new Membership(options.memberId, this.timing);
    this.calls = new MemberCalls({
      bus: options.bus,
      memberId: options.memberId,
      everyMs: this.timing.renewEveryMs / 2,
      members: this.members,
      isCalling: () => !this.isGivenUp(),
      onCalled: () => this.watchDeaths(),
      onAnswered: (id, sentAtMs) => this.live(() => this.members.answeredBy(id, sentAtMs)),
    });
    this.looks = new ServerLooks({
      bus: options.bus,
      everyMs: this.timing.renewEveryMs / 2,
      members: this.members,
      onLooked: () => this.assignSoon(),
    });
  }

  /** Resolves when the member is announced and its first shards are being taken. */
  async start(): Promise<void> {
    this.following = await followBucket(this.options.bus, this.options.storage, {
      bucket: subjects.buckets.leases,
      logger: this.logger,
      receive: (entry) => this.receive(entry),
      // While we were away we could not hear the others either: that is no evidence against them.
      onRound: () => this.members.trustAgain(monotonicMs()),
    });
    await this.following.caughtUp;
    this.looks.start();
    if (this.members.aliveIds(monotonicMs()).size > 1) await this.options.beforeJoining?.();
    this.calls.start();
    await untilStored(() => this.renew());
    this.isReady = true;
    this.assign();
    this.renewing = this.keepRenewing();
  }

  /** Gives everything back, so that others need not wait for the time to live. */
  async stop(): Promise<void> {
    this.stopped.abort();
    this.soon.abort();
    this.looks.stop();
    await this.renewing;
    await this.checks.settled();
    await Promise.all([...this.held.keys()].map((shard) => this.giveBack(shard)));
    clearTimeout(this.fenceTimer);
    clearTimeout(this.deathTimer);
    await this.calls.stop();
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
    return monotonicMs() >= this.members.actsUntilMs();
  }

  /** It does not hear what it writes: what it does not own for that others are to take over. */
  private isGivenUp(): boolean {
    return this.echo.deafWhileWritingMs >= this.timing.memberTtlMs;
  }

  private async keepRenewing(): Promise<void> {
    const { renewEveryMs } = this.timing;
    let waitMs = renewEveryMs;
    for (;;) {
      await systemClock.sleep(waitMs, this.soon.signal).catch(() => {});
      if (this.stopped.signal.aborted) return;
      this.soon = new AbortController();
      waitMs = renewEveryMs;
      if (!this.isGivenUp()) {
        await this.renew().catch((error: unknown) => {
          this.logger.warn("lease not renewed", { error: messageOf(error) });
          waitMs = renewEveryMs / renewAgainShare;
        });
      }
      this.readAgainWhenDeaf();
      this.checks.next();
      this.assign();
    }
  }

  private async renew(): Promise<void> {
    const { memberId, storage } = this.options;
    const sentAtMs = monotonicMs();
    const witnessIds = this.members.renewing(sentAtMs);
    const revision = await writeMember(storage, memberId, witnessIds, this.timing.renewEveryMs);
    this.echo.wrote(revision, sentAtMs);
    this.live(() => this.members.renewed(sentAtMs, witnessIds));
  }

  /** What lets it act for longer comes too late for what it had before its time was over. */
  private live(prolong: () => void): void {
    if (this.isFenced()) this.fence();
    prolong();
    clearTimeout(this.fenceTimer);
    const fenceInMs = this.members.actsUntilMs() - monotonicMs();
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
      this.members.gone(id, entry.revision);
      return;
    }
    const { witnessIds } = this.memberKeys.recorded(id, entry.revision, entry.value);
    const ageMs = systemClock.nowMs() - entry.storedAtMs;
    if (ageMs > leftBehindAfterMs(this.timing, witnessIds)) this.members.gone(id, entry.revision);
    // The sooner it is a witness, the less its word is missed.
    else if (this.members.recorded(id, witnessIds, monotonicMs())) this.soon.abort();
    this.watchDeaths();
  }

  /** A member's shards are taken as soon as it is dead. */
  private watchDeaths(): void {
    const nowMs = monotonicMs();
    const nextMs = this.members.nextDeathAtMs(nowMs);
    clearTimeout(this.deathTimer);
    if (nextMs === undefined || this.stopped.signal.aborted) return;
    this.deathTimer = setTimeout(
      () => {
        this.assign();
        this.watchDeaths();
      },
      Math.ceil(nextMs - nowMs),
    );
  }

  /** Others may be alive whom we take for dead. */
  private isDeaf(): boolean {
    return this.echo.deafMs(monotonicMs()) > this.timing.memberTtlMs / 2;
  }

  private readAgainWhenDeaf(): void {
    const pauseMs = monotonicMs() - this.readAgainAtMs;
    const deafMaxMs = this.timing.memberTtlMs / 2;
    if (this.echo.deafWhileWritingMs <= deafMaxMs || pauseMs < deafMaxMs) return;
    this.readAgainAtMs = monotonicMs();
    this.logger.warn("own renewals not heard: reading again");
    this.following?.again();
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
    this.members.heardOwn(this.echo.hasHeardUntilMs);
    const nowMs = monotonicMs();
    const held = new Map([...this.held].map(([shard, { epoch }]) => [shard, epoch]));
    for (const { ownerId, revision } of this.leases.values())
      this.members.mentioned(ownerId, revision, nowMs);
    const aliveIds = this.members.aliveIds(nowMs);
    const { take, giveBack, lost } = assignShards({
      me: this.options.memberId,
      aliveIds,
      sharing: this.memberKeys.sharingAmong(aliveIds),
      leases: this.leases,
      held,
      shardCount: this.options.shardCount,
    });
    for (const shard of lost) this.lose(shard, "taken");
    // Nothing can be written where renewals cannot.
    if (nowMs >= this.members.renewalEndsAtMs()) return;
    for (const id of this.members.surelyDead(nowMs)) void this.bury(id);
    for (const shard of take) void this.take(shard);
    for (const shard of giveBack) void this.giveBack(shard);
  }

  /** Who joined since, and is none of its witnesses, need not wait for an election. */
  private async bury(id: string): Promise<void> {
    const previousSeq = this.memberKeys.takeRevision(id);
    if (previousSeq === undefined) return;
    await this.options.storage.leases.delete(`member.${id}`, { previousSeq }).catch(() => {
      this.logger.debug("another was faster, or it lives", { id });
    });
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
      if (held !== undefined) {
        const limits = { shard, maxMs: this.timing.drainMaxMs, logger: this.logger };
        await drained(this.options.onLost(shard, "handover"), limits);
      }
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
    const written = await writeLease(this.options.storage, shard, lease, revision);
    this.leases.set(shard, { ...lease, revision: written });
    return written;
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
