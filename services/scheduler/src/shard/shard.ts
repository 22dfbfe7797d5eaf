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
import { activeUntilMs } from "@tidepool/policy";
import type { FunctionRecord, PlanPolicy, Prewarm } from "@tidepool/policy";
import type { tidepool } from "@tidepool/proto";
import type { AcquireOrder, Arrival, ArrivalBatch, FunctionVersion } from "../ports.ts";
import { Acquirer } from "./acquirer.ts";
import type { AcquiredVm } from "./acquirer.ts";
import { Caps } from "./caps.ts";
import { DemandBook } from "./demand-book.ts";
import type { ConfigDemand } from "./demand-book.ts";
import { expectationOf } from "./expectation.ts";
import { followWindows, whyNotPrepared } from "./follow-windows.ts";
import { forecastReply } from "./forecast-reply.ts";
import { createState } from "./function-state.ts";
import type { FunctionState } from "./function-state.ts";
import { Keeper } from "./keeper.ts";
import { mannerOf } from "./manner.ts";
import type { Manner } from "./manner.ts";
import { preparedWindow, Prewarmer } from "./prewarmer.ts";
import { WakeHeap } from "./wake-heap.ts";
import { noteCall, notePrepared } from "./window-ledger.ts";
import type { WindowLedger } from "./window-ledger.ts";
import { replanBatch, snapshotEveryMs, windowsShownMax } from "./world.ts";
import type { ShardWorld } from "./world.ts";

/** A host tells of a VM that became idle within this time; a plan made at the call waits so long for it. */
export const settleMs = 200;

export class Shard {
  readonly shard: number;
  private readonly world: ShardWorld;
  private readonly acquirer: Acquirer;
  private readonly keeper: Keeper;
  private readonly prewarmer: Prewarmer;
  private readonly caps: Caps;
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
    this.caps = new Caps(world, shard);
    this.keeper = new Keeper(world, shard);
    this.prewarmer = new Prewarmer(world, shard, this.keeper);
  }

  /** Resolves when the shard knows all that came before it. */
  async start(): Promise<void> {
    const { sequence, records, ledgers } = await this.world.snapshots.load(this.shard);
    this.sequence = this.savedSequence = sequence;
    this.savedAtMs = this.world.clock.nowMs();
    for (const [name, record] of records) {
      this.states.set(name, createState(name, record, ledgers.get(name)));
    }
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
    const nowMs = this.world.clock.nowMs();
    const { acting, terms, settings, tenant } = mannerOf(this.world, version);
    const state = this.states.get(name);
    const record = state?.record ?? acting.createRecord(settings);
    const idleVmCount = this.world.hosts.idleCount(name, version?.version ?? "");
    const decided = acting.decide(record, settings, { idleVmCount }, nowMs);
    const capped = this.caps.apply(tenant, decided, settings.keepAliveMs, nowMs);
    return forecastReply({
      name,
      state,
      terms,
      known: acting.describe(record, settings, nowMs, windowsShownMax),
      keepAliveMs: settings.keepAliveMs,
      ...(terms.prediction === "on" ? capped : { decision: decided, refusal: undefined }),
      ofTenant: this.caps.ofTenant(tenant, nowMs),
      ofShard: this.caps.ofShard(nowMs),
      nowMs,
    });
  }

  /** Whether all that came before it has been read and planned for. */
  get isCaughtUp(): boolean {
    return this.isLive;
  }

  demand(): readonly ConfigDemand[] {
    return this.demandBook.entries(this.world.clock.nowMs());
  }

  /** What pre-warmed VMs of its functions have idled. */
  tenantUses(): ReturnType<Caps["tenantUses"]> {
    return this.caps.tenantUses(this.world.clock.nowMs());
  }

  /** A tenant's settings changed: its functions are planned anew, some at a time. */
  async tenantChanged(tenant: string): Promise<void> {
    let left = replanBatch;
    for (const state of this.states.values()) {
      if (!this.isLive || this.isStopped) return;
      if (this.world.functionOf(state.name)?.tenant !== tenant) continue;
      this.plan(state);
      left -= 1;
      if (left > 0) continue;
      await new Promise((resume) => setImmediate(resume));
      left = replanBatch;
    }
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
    for (const arrival of arrivals) {
      const { functionName, atMs } = arrival;
      const version = this.world.functionOf(functionName);
      const manner = mannerOf(this.world, version);
      const state = this.stateOf(functionName, manner.settings);
      if (this.isLive) this.noteCall(state, arrival, version, manner);
      state.record = this.world.policy.noteArrival(state.record, manner.settings, atMs);
      if (this.isLive) touched.add(state);
    }
    for (const state of touched) this.plan(state, true);
  }

  /** Before it is learned from. */
  private noteCall(
    state: FunctionState,
    arrival: Arrival,
    version: FunctionVersion | undefined,
    { acting, terms, settings }: Manner,
  ): void {
    const { requestId, atMs } = arrival;
    const { hosts, explanations } = this.world;
    if (requestId !== "" && version !== undefined) {
      const input = { arrival, state, terms, policy: acting, settings, hosts };
      explanations.add(requestId, expectationOf(input));
    }
    if (state.ledger !== undefined) noteCall(state.ledger, atMs, settings.keepAliveMs);
    state.calledVersion = arrival.version;
    this.noteUse(state, version, atMs);
  }

  /** A call in a prepared window uses one of its VMs; what comes beyond its count takes the ordinary path. */
  private noteUse(
    { prepared, latestPrepared }: FunctionState,
    version: FunctionVersion | undefined,
    atMs: number,
  ): void {
    const met = prepared ?? latestPrepared;
    if (met === undefined || atMs < met.readyByMs || atMs > met.releaseAtMs) return;
    met.usedCount += 1;
    const isOneOfIts = !met.isShadow && met.usedCount <= met.window.count;
    if (isOneOfIts && version !== undefined) this.caps.giveBack(version, met, atMs);
  }

  /** Decides for one function and carries it out; sets when to decide again. */
  private plan(state: FunctionState, isAfterCall = false): void {
    const version = this.world.functionOf(state.name);
    if (version === undefined || this.isStopped) return;
    const nowMs = this.world.clock.nowMs();
    const { acting, terms, settings } = mannerOf(this.world, version);
    const isOn = terms.prediction === "on";
    const { prepared } = state;
    if (prepared !== undefined && (!isOn || nowMs >= prepared.releaseAtMs))
      state.prepared = undefined;
    state.version = version.version;

    const idleVmCount = this.world.hosts.idleCount(state.name, version.version);
    const decided = acting.decide(state.record, settings, { idleVmCount }, nowMs);
    const { decision, refusal } = isOn
      ? this.caps.apply(version.tenant, decided, settings.keepAliveMs, nowMs)
      : { decision: decided, refusal: undefined };
    state.notPrepared = refusal ?? whyNotPrepared(state, decision, settings, nowMs);
    followWindows(state, decision, { acting, terms, settings }, isAfterCall, nowMs);
    const wakes = [decision.nextWakeAtMs];
    const { prewarm } = decision;
    if (prewarm !== undefined && prewarm.startAtMs <= nowMs) {
      if (isAfterCall && canSettle(prewarm, settings, nowMs)) {
        wakes.push(nowMs + settleMs);
      } else {
        state.record = acting.notePrewarmed(state.record, prewarm);
        if (state.ledger !== undefined)
          notePrepared(state.ledger, prewarm.readyByMs, prewarm.releaseAtMs);
        if (isOn) {
          this.caps.take(version, prewarm, nowMs);
          this.prewarmer.start(state, version, prewarm, decision);
        } else state.latestPrepared = preparedWindow(prewarm, decision, true, nowMs);
      }
    }
    if (isOn) wakes.push(this.keeper.follow(state, decision, settings, nowMs, isAfterCall));
    else this.keeper.reset(state, settings.keepAliveMs);
    wakes.push(this.contribute(state, version, { acting, terms, settings }, nowMs));
    const due = wakes.filter((atMs) => atMs !== undefined && atMs > nowMs);
    this.wakes.set(state.name, due.length === 0 ? undefined : Math.min(...(due as number[])));
    this.armTimer();
  }

  /** @returns until when the function counts as it does now, when nothing but time changes that */
  private contribute(
    state: FunctionState,
    version: FunctionVersion,
    { acting, terms, settings }: Pick<Manner, "acting" | "terms" | "settings">,
    nowMs: number,
  ): number | undefined {
    const before = state.demand;
    const asked = acting.functionDemand(state.record, settings, nowMs);
    // What nobody acts upon covers nothing.
    const part = terms.prediction === "on" ? asked : { ...asked, degree: 0, coverage: 0 };
    if (part.count > 0) {
      state.demand = this.demandBook.replace(before, version, part, nowMs);
    } else {
      this.demandBook.remove(before);
      state.demand = undefined;
    }
    if (state.demand !== before) this.world.onDemandChanged();
    return part.count > 0 && part.degree === 0 ? activeUntilMs(state.record, settings) : undefined;
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
    const ledgers = new Map<string, WindowLedger>();
    for (const [name, { record, ledger }] of this.states) {
      if (this.world.functionOf(name) === undefined) continue;
      records.set(name, record);
      if (ledger !== undefined) ledgers.set(name, ledger);
    }
    try {
      await this.world.snapshots.save({ shard, epoch }, { sequence, records, ledgers });
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
