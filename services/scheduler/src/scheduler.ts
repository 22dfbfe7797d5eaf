/**
 * The scheduler process: takes its share of the shards, runs one actor for each, and gives them what it hears
 * of hosts and functions. Whoever owns shard 0 tells the hosts their warming targets.
 */
import { ShardLeases } from "@tidepool/actors";
import type { Bus, LeaseTiming, LossReason, Stoppable, Storage } from "@tidepool/actors";
import { messageOf, systemClock } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import { policies } from "@tidepool/policy";
import type { FunctionPolicy, WarmingPolicy } from "@tidepool/policy";
import { subjects, tidepool } from "@tidepool/proto";
import { firstHeartbeatWaitMs, heartbeatRoundMs, HostTable } from "./hosts/host-table.ts";
import type { HostFunction } from "./hosts/heartbeat.ts";
import { NatsArrivalSource } from "./nats/arrival-source.ts";
import { demandToWire, parseDemand, targetsToWire } from "./nats/demand-codec.ts";
import { FunctionWatch } from "./nats/function-watch.ts";
import { NatsHostCommands } from "./nats/host-commands.ts";
import { parseAcquire, parseHeartbeat } from "./nats/parse.ts";
import { NatsExplanations } from "./nats/explanations.ts";
import { NatsFleetStore } from "./nats/fleet-store.ts";
import { NatsSnapshotStore } from "./nats/snapshot-store.ts";
import { TenantWatch } from "./nats/tenant-watch.ts";
import { NatsCallAcceptor, NatsProgressStore } from "./nats/tick-adapters.ts";
import { ScheduleBook } from "./schedules/schedule-book.ts";
import { TickFirer } from "./schedules/tick-firer.ts";
import { Provisioner } from "./provisioned/provisioner.ts";
import { notOurs } from "./shard/acquirer.ts";
import { shardPrewarmIdleVmSecondsMaxDefault, ToldUses } from "./shard/prewarm-meter.ts";
import { Shard } from "./shard/shard.ts";
import type { ShardWorld } from "./shard/world.ts";
import { demandRefreshMs, WarmingTargets } from "./targets/warming-targets.ts";

export interface SchedulerOptions {
  readonly bus: Bus;
  readonly storage: Storage;
  readonly schedulerId: string;
  readonly shardCount: number;
  readonly warmingPolicy: WarmingPolicy;
  /** What keeps and pre-warms; the learned one unless told otherwise. */
  readonly policy?: FunctionPolicy;
  /** Whether the policy goes on learning from each shard's functions together; not unless told so. */
  readonly isFleetLearning?: boolean;
  /** What pre-warmed VMs of one shard may idle within any hour. */
  readonly shardPrewarmIdleVmSecondsMax?: number;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly leaseTiming?: LeaseTiming;
}

/** Targets are told so often, changed or not. */
export const targetsEveryMs = 1_000;
/** Changes within this time are told together. */
export const changeDebounceMs = 50;
/** All hosts are told when one's target changes: no sooner than this, for each of them, after the time before. */
export const targetsPauseMsPerHost = 0.25;
/** A new owner of shard 0 waits so long for the demand of shards that it has not heard. */
export const demandWaitMs = demandRefreshMs + 1_000;
/** Between two attempts to start a shard. */
export const shardRetryWaitMs = 500;

interface RunningShard {
  readonly shard: Shard;
  readonly firer: TickFirer;
  readonly serving: Stoppable[];
  demandToldAtMs: number;
  isDemandChanged: boolean;
}

const { AcquireReply, AcquireRequest, ForecastRequest, HostHeartbeat } = tidepool.internal.v1;

export class Scheduler {
  private readonly options: SchedulerOptions;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly hosts = new HostTable();
  private readonly targets: WarmingTargets;
  private readonly functions: FunctionWatch;
  private readonly tenants: TenantWatch;
  private readonly schedules: ScheduleBook;
  private readonly toldUses = new ToldUses();
  private readonly explanations: NatsExplanations;
  private readonly provisioner: Provisioner;
  private readonly leases: ShardLeases;
  private readonly shards = new Map<number, RunningShard>();
  private readonly parts: Omit<ShardWorld, "onDemandChanged">;
  private readonly subscriptions: Stoppable[] = [];
  private ticker: NodeJS.Timeout | undefined;
  private changeTimer: NodeJS.Timeout | undefined;
  private firstHeartbeat: NodeJS.Timeout | undefined;
  private listensSinceMs = 0;
  private ownsTargetsSinceMs: number | undefined;
  private targetsToldAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SchedulerOptions) {
    const { bus, storage, schedulerId, shardCount, leaseTiming, random = Math.random } = options;
    this.options = options;
    this.hosts.onLeft = (hostId, vms) => this.replaceVms(hostId, vms);
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger;
    this.targets = new WarmingTargets(options.warmingPolicy, this.hosts);
    this.functions = new FunctionWatch(this.logger, (name) => {
      this.shards.get(subjects.shardOf(name, shardCount))?.shard.functionChanged(name);
      this.provisioner.noteFunction(name);
    });
    this.tenants = new TenantWatch(this.logger, (tenant) => {
      for (const { shard } of this.shards.values()) void shard.tenantChanged(tenant);
    });
    this.schedules = new ScheduleBook({
      shardCount,
      logger: this.logger,
      onChanged: (name, functionName) => {
        const running = this.shards.get(subjects.shardOf(functionName, shardCount));
        running?.firer.changed(name);
        running?.shard.declaredChanged(functionName);
      },
    });
    this.explanations = new NatsExplanations(bus, this.logger);
    this.leases = new ShardLeases({
      bus,
      storage,
      memberId: schedulerId,
      shardCount,
      logger: this.logger,
      beforeJoining: () => this.hearHosts(),
      onTaken: (shard, epoch) => this.startShard(shard, epoch),
      onLost: (shard, reason) => this.stopShard(shard, reason),
      ...(leaseTiming === undefined ? {} : { timing: leaseTiming }),
    });
    this.parts = {
      hosts: this.hosts,
      policy: options.policy ?? policies.learned,
      commands: new NatsHostCommands(bus),
      snapshots: new NatsSnapshotStore(storage, this.logger),
      ...(options.isFleetLearning === true
        ? { fleets: new NatsFleetStore(storage, this.logger) }
        : {}),
      arrivals: new NatsArrivalSource(bus, storage, this.logger),
      functionOf: (name, qualifier) => this.functions.get(name, qualifier),
      tenantOf: (tenant) => this.tenants.get(tenant),
      toldUses: this.toldUses,
      shardPrewarmIdleVmSecondsMax:
        options.shardPrewarmIdleVmSecondsMax ?? shardPrewarmIdleVmSecondsMaxDefault,
      declared: this.schedules,
      explanations: this.explanations,
      epochOf: (shard) => this.leases.epochOf(shard),
      clock: this.clock,
      random,
      logger: this.logger,
    };
    this.provisioner = new Provisioner(this.parts, shardCount);
  }

  /** Resolves when this scheduler has announced itself and is taking its shards. */
  async start(): Promise<void> {
    const { bus, storage } = this.options;
    this.subscriptions.push(
      bus.subscribe(subjects.allHostHeartbeats, HostHeartbeat, (message) => {
        const isNews = this.hosts.note(parseHeartbeat(message), this.clock.nowMs());
        if (isNews) this.changedSoon();
      }),
      bus.subscribe(subjects.allShardDemand, tidepool.internal.v1.ShardDemand, (message) => {
        const nowMs = this.clock.nowMs();
        const demand = parseDemand(message);
        this.targets.note(demand, nowMs);
        this.toldUses.note(demand.shard, demand.tenantUses, nowMs);
        this.changedSoon();
      }),
    );
    this.listensSinceMs = this.clock.nowMs();
    this.firstHeartbeat = setTimeout(() => this.hosts.giveUpWaiting(), firstHeartbeatWaitMs);
    await Promise.all([
      this.tenants.start(bus, storage),
      this.functions.start(bus, storage),
      this.schedules.start(bus, storage),
    ]);
    await this.leases.start();
    this.ticker = setInterval(() => this.tick(), targetsEveryMs);
    this.provisioner.start();
  }

  /** Saves and gives back every shard. */
  async stop(): Promise<void> {
    this.provisioner.stop();
    clearInterval(this.ticker);
    clearTimeout(this.firstHeartbeat);
    this.hosts.giveUpWaiting();
    await this.leases.stop();
    clearTimeout(this.changeTimer);
    this.changeTimer = undefined;
    await Promise.all([this.functions.stop(), this.tenants.stop(), this.schedules.stop()]);
    await Promise.all(this.subscriptions.map((subscription) => subscription.stop()));
    await Promise.all([...this.shards.keys()].map((shard) => this.stopShard(shard, "fenced")));
    await this.explanations.stop();
  }

  /** Shards that this scheduler owns, ascending. */
  heldShards(): readonly number[] {
    return this.leases.heldShards();
  }

  /** What is due by its clock in each shard, as Shard.turn() does it. @returns whether anything is left for the next turn */
  turn(): boolean {
    let isMore = false;
    for (const { shard } of this.shards.values()) isMore = shard.turn() || isMore;
    return isMore;
  }

  /** A round of their heartbeats, so that not all is ordered of the first few. */
  private async hearHosts(): Promise<void> {
    await this.clock.sleep(this.listensSinceMs + heartbeatRoundMs - this.clock.nowMs());
  }

  private startShard(number: number, epoch: number): void {
    const shard = new Shard(
      { ...this.parts, onDemandChanged: () => this.demandChanged(number) },
      number,
    );
    const firer = this.firerOf(number);
    firer.start();
    const running: RunningShard = {
      shard,
      firer,
      serving: this.serve(shard),
      demandToldAtMs: Number.NEGATIVE_INFINITY,
      isDemandChanged: true,
    };
    this.shards.set(number, running);
    void this.bringUp(running, epoch);
  }

  private firerOf(shard: number): TickFirer {
    const { bus, storage } = this.options;
    const { schedules, clock, logger, parts } = this;
    return new TickFirer({
      shard,
      schedules,
      acceptor: new NatsCallAcceptor(bus),
      progress: new NatsProgressStore(storage),
      epochOf: parts.epochOf,
      clock,
      logger,
    });
  }

  /** Until it is up or no longer ours: what cannot be read now may be readable in a moment. */
  private async bringUp(running: RunningShard, epoch: number): Promise<void> {
    const { shard } = running;
    while (this.leases.epochOf(shard.shard) === epoch) {
      try {
        await shard.start();
        this.demandChanged(shard.shard);
        return;
      } catch (error) {
        this.logger.warn("shard not started yet", { shard: shard.shard, error: messageOf(error) });
        await this.clock.sleep(shardRetryWaitMs);
      }
    }
  }

  private serve(shard: Shard): Stoppable[] {
    const { bus } = this.options;
    return [
      bus.serve(
        "acquire VM",
        subjects.acquireVm(shard.shard),
        AcquireRequest,
        AcquireReply,
        async (message, { deadlineAtMs }) => {
          if (this.leases.epochOf(shard.shard) === undefined) throw notOurs(shard.shard);
          return AcquireReply.create(await shard.acquire(parseAcquire(message), deadlineAtMs));
        },
      ),
      bus.serve(
        "get forecast",
        subjects.getForecast(shard.shard),
        ForecastRequest,
        tidepool.v1.GetForecastResponse,
        ({ functionName }) => {
          const name = functionName ?? "";
          const provisioned = this.provisioner.stateOf(name);
          const reply = { ...shard.forecast(name), ...(provisioned && { provisioned }) };
          return Promise.resolve(tidepool.v1.GetForecastResponse.create(reply));
        },
      ),
    ];
  }

  private async stopShard(number: number, reason: LossReason): Promise<void> {
    const running = this.shards.get(number);
    if (running === undefined) return;
    this.shards.delete(number);
    const isHandover = reason === "handover";
    const unserved = (): Promise<unknown> =>
      Promise.all(running.serving.map((serving) => serving.stop()));
    await Promise.all([running.firer.stop(), isHandover ? undefined : unserved()]);
    await running.shard.stop(isHandover);
    // Until the next owner finds all of it saved, callers are served here.
    if (isHandover) await unserved();
  }

  /** Their host is going or gone: each shard of ours makes its own anew elsewhere. */
  private replaceVms(hostId: string, vms: readonly HostFunction[]): void {
    for (const { name, version, idle, busy, loading } of vms) {
      const shard = subjects.shardOf(name, this.options.shardCount);
      this.shards.get(shard)?.shard.vmsLeft(name, version, idle + busy + loading, hostId);
    }
  }

  private tick(): void {
    const nowMs = this.clock.nowMs();
    const silent = this.hosts.sweep(nowMs);
    for (const hostId of silent) this.logger.warn("host silent", { hostId });
    for (const { shard } of this.shards.values()) shard.saveWhenDue();
    this.tellDemand(nowMs);
    this.tellTargets(nowMs);
  }

  private demandChanged(shard: number): void {
    const running = this.shards.get(shard);
    if (running !== undefined) running.isDemandChanged = true;
    this.changedSoon();
  }

  private changedSoon(): void {
    this.changeTimer ??= setTimeout(() => {
      this.changeTimer = undefined;
      const nowMs = this.clock.nowMs();
      this.tellDemand(nowMs);
      const pauseMs = targetsPauseMsPerHost * this.hosts.views().length;
      if (nowMs - this.targetsToldAtMs >= pauseMs) this.tellTargets(nowMs);
      else this.changedSoon();
    }, changeDebounceMs);
  }

  private tellDemand(nowMs: number): void {
    for (const [number, running] of this.shards) {
      const isDue = running.isDemandChanged || nowMs - running.demandToldAtMs >= demandRefreshMs;
      const epoch = this.leases.epochOf(number);
      if (!isDue || epoch === undefined || !running.shard.isCaughtUp) continue;
      running.isDemandChanged = false;
      running.demandToldAtMs = nowMs;
      const { shard } = running;
      const lease = { shard: number, epoch };
      const demand = demandToWire(lease, shard.demand(), shard.tenantUses(), nowMs);
      const codec = tidepool.internal.v1.ShardDemand;
      this.options.bus.publish(subjects.shardDemand(number), codec, codec.create(demand));
    }
  }

  private tellTargets(nowMs: number): void {
    const epoch = this.leases.epochOf(0);
    if (epoch === undefined) {
      this.ownsTargetsSinceMs = undefined;
      this.targetsToldAtMs = nowMs; // another tells them
      return;
    }
    this.ownsTargetsSinceMs ??= nowMs;
    const isComplete = this.targets.heardCount() >= this.options.shardCount;
    if (!isComplete && nowMs - this.ownsTargetsSinceMs < demandWaitMs) return;
    this.targetsToldAtMs = nowMs;
    const codec = tidepool.internal.v1.WarmingTargets;
    const message = targetsToWire(epoch, this.targets.compute(nowMs), nowMs);
    this.options.bus.publish(subjects.warmingTargets, codec, codec.create(message));
  }
}
