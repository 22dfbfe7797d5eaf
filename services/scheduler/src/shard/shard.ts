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
import { isKeptAsUsual } from "@tidepool/policy";
import type { tidepool } from "@tidepool/proto";
import type {
  AcquireOrder,
  Arrival,
  ArrivalBatch,
  FunctionVersion,
  StoredFunction,
} from "../ports.ts";
import { Acquirer } from "./acquirer.ts";
import type { AcquiredVm } from "./acquirer.ts";
import { CallTaker } from "./call-taker.ts";
import { Caps } from "./caps.ts";
import { contribute } from "./contribution.ts";
import { Declared } from "./declared.ts";
import { DemandBook } from "./demand-book.ts";
import type { ConfigDemand } from "./demand-book.ts";
import { withLearning } from "./fleet-memory.ts";
import { followWindows, whyNotPrepared } from "./follow-windows.ts";
import { forecastReply } from "./forecast-reply.ts";
import { FunctionState } from "./function-state.ts";
import { groupCalls } from "./group-calls.ts";
import { Keeper } from "./keeper.ts";
import { mannerOf } from "./manner.ts";
import { Memories } from "./memories.ts";
import { PlanQueue } from "./plan-queue.ts";
import { preparedWindow, Prewarmer } from "./prewarmer.ts";
import { canSettle, settleMs } from "./settle.ts";
import { mixOf, mostAskedFor } from "./version-mix.ts";
import { notePrepared } from "./window-ledger.ts";
import { replanBatch, snapshotEveryMs, snapshotPauseFactor, windowsShownMax } from "./world.ts";
import type { ShardWorld } from "./world.ts";

export class Shard {
  readonly shard: number;
  private readonly world: ShardWorld;
  private readonly acquirer: Acquirer;
  private readonly keeper: Keeper;
  private readonly prewarmer: Prewarmer;
  private readonly caps: Caps;
  private readonly calls: CallTaker;
  private readonly declared: Declared;
  private readonly demandBook = new DemandBook();
  private readonly memories = new Memories();
  private readonly states = new Map<string, FunctionState>();
  private readonly queue: PlanQueue;
  private following: { stop(): Promise<void> } | undefined;
  private sequence = 0;
  private savedSequence = 0;
  private saveAtMs = 0;
  private saving: Promise<void> = Promise.resolve();
  private isLive = false;
  private isStopped = false;

  constructor(world: ShardWorld, shard: number) {
    this.world = withLearning(world);
    this.shard = shard;
    this.acquirer = new Acquirer(world, shard, (version) => this.noteSurprise(version));
    this.caps = new Caps(world, shard);
    this.calls = new CallTaker(this.world, this.caps);
    this.keeper = new Keeper(world, shard);
    this.prewarmer = new Prewarmer(world, shard, this.keeper);
    this.declared = new Declared(world, this.prewarmer, this.caps);
    this.queue = new PlanQueue(world.clock, {
      plan: (state, isAfterCall) => this.plan(state, isAfterCall),
      rest: () => this.memories.rest(),
    });
  }

  /** Resolves when the shard knows all that came before it. */
  async start(): Promise<void> {
    const sequence = await this.world.snapshots.load(this.shard, (functions) => {
      for (const stored of functions) this.restore(stored);
    });
    if (sequence === undefined) this.forgetAll();
    this.sequence = this.savedSequence = sequence ?? 0;
    this.saveAtMs = this.world.clock.nowMs() + snapshotEveryMs;
    if (this.isStopped) return;
    const following = await this.world.arrivals.follow(this.shard, this.sequence + 1, (batch) =>
      this.receive(batch),
    );
    this.following = following;
    if (this.isStopped) return following.stop();
    await following.caughtUp;
    if (this.isStopped) return;
    this.isLive = true;
    // What hosts were told by the owner before is not known.
    for (const name of this.world.hosts.functionNames()) this.planSoon(this.states.get(name));
    for (const name of this.world.declared?.functionsOf(this.shard) ?? []) this.declare(name);
    this.queue.run();
  }

  /** @param isHandover the next owner is to find everything: what came since the last snapshot is saved */
  async stop(isHandover: boolean): Promise<void> {
    this.isStopped = true;
    this.queue.stop();
    await this.following?.stop();
    await this.saving;
    if (isHandover && this.sequence > this.savedSequence) await this.save();
  }

  async acquire(order: AcquireOrder, deadlineAtMs: number | undefined): Promise<AcquiredVm> {
    const acquired = await this.acquirer.acquire(order, deadlineAtMs);
    this.assignedTo(order.function)?.noteAssigned(acquired.hostId, this.world.clock.nowMs());
    return acquired;
  }

  /** Before its first call has arrived too: another version may be deployed until then, and is to have VMs as well. */
  private assignedTo({ name, version }: FunctionVersion): FunctionState | undefined {
    const known = this.states.get(name);
    const isActive = this.world.functionOf(name)?.version === version;
    if (known !== undefined || !isActive || !this.isLive || this.isStopped) return known;
    const state = this.stateOf(name);
    state.version = version;
    return state;
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
    const state = this.states.get(name);
    const version = this.world.functionOf(name, mostAskedFor(state?.mix));
    const nowMs = this.world.clock.nowMs();
    const { acting, terms, settings, tenant } = mannerOf(this.world, version);
    const record = state?.record ?? acting.createRecord(settings);
    const idleVmCount = this.world.hosts.idleCount(name, version?.version ?? "");
    const decided = acting.decide(record, settings, { idleVmCount }, nowMs);
    const capped = this.caps.apply(tenant, decided, settings.keepAliveMs, nowMs);
    return forecastReply({
      name,
      state,
      terms,
      known: this.declared.describe(
        name,
        acting.describe(record, settings, nowMs, windowsShownMax),
        nowMs,
      ),
      declaredOrderAtMs: this.declared.orderAtMs(name, settings, nowMs),
      keepAliveMs: settings.keepAliveMs,
      ...(terms.prediction === "on" ? capped : { decision: decided, refusal: undefined }),
      ofTenant: this.caps.ofTenant(tenant, nowMs),
      ofShard: this.caps.ofShard(nowMs),
      nowMs,
    });
  }

  /**
   * Plans for what is due by its clock, for a bounded time. It does so by itself; who drives the clock may ask.
   * @returns whether anything is left for the next turn
   */
  turn(): boolean {
    return this.queue.run();
  }

  /** Whether all that came before it has been read. */
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
      left -= 1;
      if (this.world.functionOf(state.name)?.tenant === tenant) this.planSoon(state);
      if (left > 0) continue;
      await new Promise((resume) => setImmediate(resume));
      left = replanBatch;
    }
    this.queue.run();
  }

  /** A version was published, settings changed, or the function is gone. */
  functionChanged(name: string): void {
    const state = this.states.get(name);
    const version = this.world.functionOf(name, mostAskedFor(state?.mix));
    if (version === undefined) {
      this.keeper.releaseAll(name);
      if (state !== undefined) this.forget(state);
    } else if (state === undefined) {
      this.declaredChanged(name);
    } else {
      if (this.isLive && state.version !== "" && state.version !== version.version) {
        this.prewarmer.takeOver(state, version);
      }
      this.planSoon(state);
      if (this.isLive) this.queue.run();
    }
  }

  /** VMs of a version go, or have gone, with their host. */
  vmsLeft(name: string, versionNumber: string, count: number, hostId: string): void {
    const state = this.states.get(name);
    if (state === undefined || !this.isLive || this.isStopped) return;
    const version = this.world.functionOf(name, mostAskedFor(state.mix));
    if (version?.version === versionNumber) this.prewarmer.replace(state, version, count, hostId);
  }

  /** A schedule of the function was set, changed or deleted. */
  declaredChanged(name: string): void {
    if (!this.isLive || !this.declared.concerns(name, this.states.get(name))) return;
    this.declare(name);
    this.queue.run();
  }

  /** Saves if something came since the last time; the shard goes on meanwhile. */
  saveWhenDue(): void {
    const nowMs = this.world.clock.nowMs();
    if (!this.isLive || this.sequence === this.savedSequence || nowMs < this.saveAtMs) return;
    this.saveAtMs = Number.POSITIVE_INFINITY;
    this.saving = this.save().then(() => {
      const tookMs = this.world.clock.nowMs() - nowMs;
      this.saveAtMs = nowMs + tookMs + Math.max(snapshotEveryMs, tookMs * snapshotPauseFactor);
    });
  }

  private receive({ sequence, arrivals }: ArrivalBatch): void {
    if (this.isStopped || sequence <= this.sequence) return;
    this.sequence = sequence;
    for (const [state, calls] of groupCalls(arrivals, (name) => this.stateOf(name))) {
      // It was written into the snapshot after this message, which its head names an earlier one of.
      if (state.sequence < sequence) this.take(state, calls, sequence);
      this.memories.rest();
    }
    if (this.isLive) this.queue.run();
  }

  private take(state: FunctionState, calls: readonly Arrival[], sequence: number): void {
    const keepAliveMs = this.calls.take(state, calls, this.isLive);
    state.sequence = sequence;
    if (!this.isLive) this.planSoon(state);
    else if (keepAliveMs !== undefined) this.queue.noteCalled(state, keepAliveMs);
  }

  /** Decides for one function and carries it out; sets when to decide again. */
  private plan(state: FunctionState, isAfterCall = false): void {
    const version = this.world.functionOf(state.name, mostAskedFor(state.mix));
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
    wakes.push(this.declared.follow(state, settings, terms.prediction, nowMs));
    const kept = this.declared.keep(state, decision, settings, nowMs);
    if (isOn) wakes.push(this.keeper.follow(state, kept, settings, nowMs, isAfterCall));
    else this.keeper.reset(state, settings.keepAliveMs);
    const learned = acting.functionDemand(state.record, settings, nowMs, decided);
    const asked = this.declared.demand(state, learned, nowMs);
    const before = state.demand;
    wakes.push(contribute(this.demandBook, state, version, asked, settings, isOn, nowMs));
    if (state.demand !== before) this.world.onDemandChanged();
    const isFree = state.prepared === undefined;
    state.quietSinceMs = isFree && kept.degree === 0 && state.told === undefined ? nowMs : 0;
    const isUsual = state.told === undefined && isKeptAsUsual(kept, settings, nowMs);
    const isHeld = isFree && (isAfterCall || isUsual) && kept === decision;
    state.heldUntilMs = isHeld ? (kept.holdsUntilMs ?? 0) : 0;
    state.heldBy = isHeld ? settings : undefined;
    state.isKeptAsUsual = isUsual;
    const due = wakes.filter((atMs) => atMs !== undefined && atMs > nowMs);
    this.queue.wakeAt(state, due.length === 0 ? undefined : Math.min(...(due as number[])));
  }

  private forget(state: FunctionState): void {
    state.learnWaiting();
    this.demandBook.remove(state.demand);
    this.queue.forget(state);
    this.states.delete(state.name);
    this.memories.remove(state);
    this.world.onDemandChanged();
  }

  private forgetAll(): void {
    for (const state of this.states.values()) this.forget(state);
  }

  private stateOf(name: string): FunctionState {
    let state = this.states.get(name);
    if (state === undefined) {
      const version = this.world.functionOf(name);
      state = new FunctionState(version?.name ?? name, this.memories);
      const { settings } = mannerOf(this.world, version);
      this.memories.add(state, this.world.policy.createRecord(settings));
      this.states.set(state.name, state);
    }
    return state;
  }

  /** As it was when it was written: nothing of what is remembered is looked at before it is needed. */
  private restore(stored: StoredFunction): void {
    const { name, memory, sequence, wakeAtMs, version, demand, qualifier } = stored;
    const known = this.world.functionOf(name, qualifier);
    const state = new FunctionState(known?.name ?? name, this.memories);
    this.memories.addPacked(state, memory);
    state.sequence = sequence;
    state.mix = mixOf(qualifier);
    this.states.set(state.name, state);
    if (known === undefined) return;
    const isSame = version === known.version;
    state.version = isSame ? known.version : version;
    if (demand !== undefined) {
      const { demand: sum, isPeriodic } = demand;
      const nowMs = this.world.clock.nowMs();
      state.demand = this.demandBook.put(undefined, known, sum, isPeriodic, nowMs);
    }
    this.queue.wakeAt(state, isSame ? wakeAtMs : 0);
  }

  /** It has a schedule, and may never have been called. */
  private declare(name: string): void {
    if (this.world.functionOf(name) !== undefined) this.planSoon(this.stateOf(name));
  }

  private planSoon(state: FunctionState | undefined): void {
    if (state !== undefined) this.queue.wakeAt(state, this.world.clock.nowMs());
  }

  /** The shard goes on meanwhile: a function written later may know more calls, and says how many. */
  private async save(): Promise<void> {
    const epoch = this.world.epochOf(this.shard);
    if (epoch === undefined) return;
    const { shard, sequence } = this;
    try {
      await this.world.snapshots.save({ shard, epoch }, sequence, this.stored());
      this.savedSequence = sequence;
    } catch (error) {
      const failure = TidepoolError.from(error);
      this.world.logger.warn("snapshot not saved", { shard, error: failure.message });
    }
  }

  private *stored(): Generator<StoredFunction> {
    for (const state of this.states.values()) {
      if (this.world.functionOf(state.name) === undefined) continue;
      state.learnWaiting();
      yield state.stored(this.memories.bytesOf(state));
    }
  }
}
