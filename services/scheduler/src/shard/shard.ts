/**
 * One shard as an actor: everything about its functions happens here, one thing after the other.
 *
 *   arrivals ──▶ record ──▶ plan ──▶ pre-warm, keep or release
 *                            ▲ wake: the plan's own instant, nothing is scanned
 *
 * It starts from its snapshot and the arrivals since, and acts only when it has caught up: a forecast is
 * the same before and after a move. A call that waits for a VM does not wait for any of that.
 */
import { TidepoolError } from "@tidepool/common";
import { activeUntilMs, planPolicyDefault } from "@tidepool/policy";
import type { Decision, FunctionRecord, PlanPolicy, Prewarm } from "@tidepool/policy";
import type { tidepool } from "@tidepool/proto";
import type { AcquireOrder, ArrivalBatch, FunctionVersion } from "../ports.ts";
import { Acquirer } from "./acquirer.ts";
import type { AcquiredVm } from "./acquirer.ts";
import { DemandBook } from "./demand-book.ts";
import type { ConfigDemand } from "./demand-book.ts";
import { forecastReply } from "./forecast-reply.ts";
import { createState } from "./function-state.ts";
import type { FunctionState } from "./function-state.ts";
import { Keeper } from "./keeper.ts";
import { Prewarmer } from "./prewarmer.ts";
import { WakeHeap } from "./wake-heap.ts";
import { keepCountAll, releaseRepeatMs, snapshotEveryMs } from "./world.ts";
import type { ShardWorld } from "./world.ts";

/** A host tells of a VM that became idle within this time; a plan made at the call waits so long for it. */
export const settleMs = 200;

export class Shard {
  readonly shard: number;
  private readonly world: ShardWorld;
  private readonly acquirer: Acquirer;
  private readonly keeper: Keeper;
  private readonly prewarmer: Prewarmer;
  private readonly demandBook = new DemandBook();
  private readonly states = new Map<string, FunctionState>();
  private readonly wakes = new WakeHeap();
  private timer: NodeJS.Timeout | undefined;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private following: { stop(): Promise<void> } | undefined;
  private sequence = 0;
  private savedSequence = 0;
  private savedAtMs = 0;
  private saving: Promise<void> = Promise.resolve();
  private isLive = false;
  private isStopped = false;

  constructor(world: ShardWorld, shard: number) {
    this.world = world;
    this.shard = shard;
    this.acquirer = new Acquirer(world, shard, (version) => this.noteSurprise(version));
    this.keeper = new Keeper(world, shard);
    this.prewarmer = new Prewarmer(world, shard, this.keeper);
  }

  /** Resolves when the shard knows all that came before it. */
  async start(): Promise<void> {
    const { sequence, records } = await this.world.snapshots.load(this.shard);
    this.sequence = this.savedSequence = sequence;
    this.savedAtMs = this.world.clock.nowMs();
    for (const [name, record] of records) this.states.set(name, createState(name, record));
    if (this.isStopped) return;
    const following = await this.world.arrivals.follow(this.shard, sequence + 1, (batch) =>
      this.receive(batch),
    );
    this.following = following;
    if (this.isStopped) return following.stop();
    await following.caughtUp;
    if (this.isStopped) return;
    this.isLive = true;
    for (const state of this.states.values()) this.plan(state);
  }

  /** @param isHandover the next owner is to find everything: what came since the last snapshot is saved */
  async stop(isHandover: boolean): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.following?.stop();
    await this.saving;
    if (isHandover && this.sequence > this.savedSequence) await this.save();
  }

  async acquire(order: AcquireOrder, deadlineAtMs: number | undefined): Promise<AcquiredVm> {
    const acquired = await this.acquirer.acquire(order, deadlineAtMs);
    this.states
      .get(order.function.name)
      ?.assignedAtMs.set(acquired.hostId, this.world.clock.nowMs());
    return acquired;
  }

  private noteSurprise(version: FunctionVersion): void {
    this.demandBook.noteSurprise(version, this.world.clock.nowMs());
    this.world.onDemandChanged();
  }

  /** @throws TidepoolError `unavailable` while the shard is still reading what came before it */
  forecast(name: string): tidepool.v1.GetForecastResponse.$Properties {
    if (!this.isLive) {
      throw new TidepoolError("unavailable", `shard ${this.shard} is still reading its arrivals`);
    }
    const version = this.world.functionOf(name);
    const policy = this.policyOf(version);
    const record = this.states.get(name)?.record ?? this.world.policy.createRecord(policy);
    const idleVmCount = this.world.hosts.idleCount(name, version?.version ?? "");
    const nowMs = this.world.clock.nowMs();
    const decision = this.world.policy.decide(record, policy, { idleVmCount }, nowMs);
    return forecastReply(name, record, policy, decision);
  }

  /** Whether all that came before it has been read and planned for. */
  get isCaughtUp(): boolean {
    return this.isLive;
  }

  demand(): readonly ConfigDemand[] {
    return this.demandBook.entries(this.world.clock.nowMs());
  }

  /** A version was published, settings changed, or the function is gone. */
  functionChanged(name: string): void {
    const state = this.states.get(name);
    const version = this.world.functionOf(name);
    if (version === undefined) {
      this.keeper.releaseAll(name);
      if (state !== undefined) this.forget(state);
    } else if (state !== undefined && this.isLive) {
      if (state.version !== "" && state.version !== version.version) {
        this.prewarmer.renew(state, version);
      }
      this.plan(state);
    }
  }

  /** Saves if something came since the last time; the shard goes on meanwhile. */
  saveWhenDue(): void {
    const nowMs = this.world.clock.nowMs();
    if (!this.isLive || this.sequence === this.savedSequence) return;
    if (nowMs - this.savedAtMs < snapshotEveryMs) return;
    this.savedAtMs = nowMs;
    this.saving = this.save();
  }

  private receive({ sequence, arrivals }: ArrivalBatch): void {
    if (this.isStopped || sequence <= this.sequence) return;
    this.sequence = sequence;
    const touched = new Set<FunctionState>();
    for (const { functionName, atMs } of arrivals) {
      const version = this.world.functionOf(functionName);
      const policy = this.policyOf(version);
      const state = this.stateOf(functionName, policy);
      state.record = this.world.policy.noteArrival(state.record, policy, atMs);
      if (!this.isLive) continue;
      touched.add(state);
      this.noteUse(state, atMs);
    }
    for (const state of touched) this.plan(state, true);
  }

  /** A call in a prepared window uses one of its VMs; what comes beyond its count takes the ordinary path. */
  private noteUse({ prepared }: FunctionState, atMs: number): void {
    if (prepared === undefined || atMs < prepared.readyByMs || atMs > prepared.releaseAtMs) return;
    prepared.usedCount += 1;
  }

  /** Decides for one function and carries it out; sets when to decide again. */
  private plan(state: FunctionState, isAfterCall = false): void {
    const version = this.world.functionOf(state.name);
    if (version === undefined || this.isStopped) return;
    const nowMs = this.world.clock.nowMs();
    const policy = this.policyOf(version);
    const { prepared } = state;
    if (prepared !== undefined && nowMs >= prepared.releaseAtMs) state.prepared = undefined;
    state.version = version.version;

    const idleVmCount = this.world.hosts.idleCount(state.name, version.version);
    const decision = this.world.policy.decide(state.record, policy, { idleVmCount }, nowMs);
    const wakes = [decision.nextWakeAtMs];
    const { prewarm } = decision;
    if (prewarm !== undefined && prewarm.startAtMs <= nowMs) {
      if (isAfterCall && canSettle(prewarm, policy, nowMs)) {
        wakes.push(nowMs + settleMs);
      } else {
        state.record = this.world.policy.notePrewarmed(state.record, prewarm);
        this.prewarmer.start(state, version, prewarm, decision);
      }
    }
    wakes.push(this.keep(state, decision, policy, nowMs, isAfterCall));
    wakes.push(this.contribute(state, version, policy, nowMs));
    const due = wakes.filter((atMs) => atMs !== undefined && atMs > nowMs);
    this.wakes.set(state.name, due.length === 0 ? undefined : Math.min(...(due as number[])));
    this.armTimer();
  }

  /** @returns when to look again */
  private keep(
    state: FunctionState,
    decision: Decision,
    policy: PlanPolicy,
    nowMs: number,
    isAfterCall: boolean,
  ): number | undefined {
    const { prepared, told } = state;
    // More calls of this window may come, for which VMs wait: they stay until it is over.
    if (prepared !== undefined && prepared.usedCount < prepared.window.count)
      return prepared.releaseAtMs;
    if (decision.forecast === undefined) {
      // What waits unused keeps its time; only what a call has just left is kept as ever.
      if (isAfterCall) this.keeper.reset(state, policy.keepAliveMs);
      return undefined;
    }
    if (isAfterCall || told === undefined) {
      const untilMs = decision.keepUntilMs;
      if (untilMs >= nowMs + policy.keepAliveMs) {
        this.keeper.reset(state, policy.keepAliveMs);
        return undefined;
      }
      const spansNext =
        decision.prewarm !== undefined && untilMs >= decision.prewarm.windowStartAtMs;
      const count = spansNext ? decision.prewarm.count : keepCountAll;
      this.keeper.tell(state, { untilMs, count, window: undefined });
      return untilMs + releaseRepeatMs;
    }
    // A VM that was busy when the hosts were told may have become idle after its time.
    if (nowMs < told.untilMs) return told.untilMs + releaseRepeatMs;
    const vms = [...this.world.hosts.whereabouts(state.name).values()].flat();
    if (vms.some(({ idle }) => idle > 0)) {
      this.keeper.tell(state, { untilMs: nowMs, count: 0, window: undefined });
    }
    return vms.some(({ idle, busy }) => idle + busy > 0) ? nowMs + releaseRepeatMs : undefined;
  }

  /** @returns until when the function counts as it does now, when nothing but time changes that */
  private contribute(
    state: FunctionState,
    version: FunctionVersion,
    policy: PlanPolicy,
    nowMs: number,
  ): number | undefined {
    const before = state.demand;
    const part = this.world.policy.functionDemand(state.record, policy, nowMs);
    if (part.count > 0) {
      state.demand = this.demandBook.replace(before, version, part, nowMs);
    } else {
      this.demandBook.remove(before);
      state.demand = undefined;
    }
    if (state.demand !== before) this.world.onDemandChanged();
    return part.count > 0 && part.degree === 0 ? activeUntilMs(state.record, policy) : undefined;
  }

  private forget(state: FunctionState): void {
    this.demandBook.remove(state.demand);
    this.states.delete(state.name);
    this.wakes.set(state.name, undefined);
    this.world.onDemandChanged();
  }

  private stateOf(name: string, policy: PlanPolicy): FunctionState {
    let state = this.states.get(name);
    if (state === undefined) {
      state = createState(name, this.world.policy.createRecord(policy));
      this.states.set(name, state);
    }
    return state;
  }

  private policyOf(version: FunctionVersion | undefined): PlanPolicy {
    if (version === undefined) return planPolicyDefault;
    const { runtime, memoryMib, keepAliveMs } = version;
    return {
      ...planPolicyDefault,
      keepAliveMs,
      prepareP95Ms:
        this.world.hosts.prepareP95Ms(runtime, memoryMib) ?? planPolicyDefault.prepareP95Ms,
    };
  }

  private armTimer(): void {
    const nextAtMs = this.wakes.nextAtMs();
    if (nextAtMs === undefined || nextAtMs >= this.timerAtMs || this.isStopped) return;
    clearTimeout(this.timer);
    this.timerAtMs = nextAtMs;
    const delayMs = Math.max(0, Math.ceil(nextAtMs - this.world.clock.nowMs()));
    this.timer = setTimeout(() => this.wake(), Math.min(delayMs, wakeDelayMaxMs));
  }

  private wake(): void {
    this.timerAtMs = Number.POSITIVE_INFINITY;
    for (const name of this.wakes.takeDue(this.world.clock.nowMs())) {
      const state = this.states.get(name);
      if (state !== undefined) this.plan(state);
    }
    this.armTimer();
  }

  /** The records are immutable: a copy of the table is the state at this instant. */
  private async save(): Promise<void> {
    const epoch = this.world.epochOf(this.shard);
    if (epoch === undefined) return;
    const { shard, sequence } = this;
    const records = new Map<string, FunctionRecord>();
    for (const [name, { record }] of this.states) {
      if (this.world.functionOf(name) !== undefined) records.set(name, record);
    }
    try {
      await this.world.snapshots.save({ shard, epoch }, { sequence, records });
      this.savedSequence = sequence;
    } catch (error) {
      const failure = TidepoolError.from(error);
      this.world.logger.warn("snapshot not saved", { shard, error: failure.message });
    }
  }
}

/** setTimeout's own limit is far longer; waking once a day for nothing costs nothing. */
const wakeDelayMaxMs = 86_400_000;

/** Whether the hosts can tell first what the call left behind, and the pre-warm still be in time. */
function canSettle(prewarm: Prewarm, policy: PlanPolicy, nowMs: number): boolean {
  return prewarm.orderCount > 0 && prewarm.readyByMs - policy.prepareP95Ms - settleMs > nowMs;
}
