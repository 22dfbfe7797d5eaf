/**
 * One host's agent: the only truth about its VMs. Made of parts that decide (assignments, pools, fleet) and
 * parts that talk (gRPC, bus); this class joins them and says when each begins and ends.
 *
 * What an earlier process has left, by a crash or because it was told to, is adopted at the start where that can
 * be, else destroyed; a stop that is not told to leaves nothing.
 */
import { join } from "node:path";
import { UsageBook } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import { messageOf, systemClock } from "@tidepool/common";
import type { Clock, Keyring, Logger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { adoptOrDestroy } from "./adoption/adopt.ts";
import { VmRecords } from "./adoption/vm-records.ts";
import { Assignments } from "./assignments/assignments.ts";
import { Epochs } from "./assignments/epochs.ts";
import { CodeCache } from "./code/code-cache.ts";
import { baseConfig } from "./config.ts";
import type { HostAgentConfig } from "./config.ts";
import { Drain } from "./fleet/drain.ts";
import { hasRoom } from "./fleet/admit.ts";
import { Fleet } from "./fleet/fleet.ts";
import { Lease } from "./fleet/lease.ts";
import { startHostServer } from "./grpc/host-server.ts";
import type { HostServer } from "./grpc/host-server.ts";
import type { OpenGuestSession } from "./guest/session.ts";
import type { Hypervisor } from "./hypervisor/hypervisor.ts";
import { FunctionLogs } from "./logs/function-logs.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { announceOnBus } from "./nats/announcements.ts";
import { Handover } from "./invocations/handover.ts";
import { serveCommands } from "./nats/commands.ts";
import { watchDrain } from "./nats/drain-watch.ts";
import { watchFunctions } from "./nats/function-watch.ts";
import { codeFromObjectStore } from "./nats/object-store.ts";
import { watchSecrets } from "./nats/secret-watch.ts";
import { FunctionTemplates } from "./pool/function-templates.ts";
import { Pools } from "./pool/pools.ts";
import { Templates } from "./pool/templates.ts";
import { factOf } from "./report/fact.ts";
import { FactQueue } from "./report/fact-queue.ts";
import { heartbeatOf } from "./report/heartbeat.ts";
import { Secrets } from "./secrets/secrets.ts";
import { Measures } from "./report/measures.ts";
import { changeTellMs, Reporter, trafficTellMs } from "./report/reporter.ts";
import { UsageMeter } from "./report/usage-meter.ts";
import { Gate } from "./vm/gate.ts";
import { clonesAtOnceMax } from "./vm/limits.ts";
import type { VmPhase } from "./vm/phases.ts";
import { configKey } from "./hypervisor/vm-config.ts";
import type { Vm } from "./vm/vm.ts";

export interface HostAgentOptions {
  readonly config: Pick<
    HostAgentConfig,
    "hostId" | "address" | "stateDir" | "memoryMib" | "vmCountMax" | "poolBaseTarget"
  > &
    Partial<Pick<HostAgentConfig, "nats" | "vcpuMax" | "stopKeepsVms">>;
  readonly bus: Bus;
  readonly storage: Storage;
  readonly hypervisor: Hypervisor;
  readonly openSession: OpenGuestSession;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Opens secrets; without it no function that names one can be loaded. */
  readonly keyring?: Keyring;
  /** What was used is written so often. */
  readonly usagePeriodMs?: number;
  /** So long idle VMs serve on when the host is drained. */
  readonly drainMoveMs?: number;
}

/** How often idle VMs are looked over for those whose time is over. */
export const releaseSweepMs = 100;

/** Of code on disk that a heartbeat tells of, that used last. */
export const codeDigestsToldMax = 64;

export class HostAgent {
  readonly fleet: Fleet;
  private readonly handover = new Handover();
  private readonly options: HostAgentOptions;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly facts: FactQueue;
  private readonly records: VmRecords;
  private readonly epochs: Epochs;
  private readonly code: CodeCache;
  private readonly templates: Templates;
  private readonly functionTemplates: FunctionTemplates;
  private readonly pools: Pools;
  private readonly assignments: Assignments;
  private readonly drain: Drain;
  private readonly lease = new Lease();
  private readonly logs: FunctionLogs;
  private readonly shipper: LogShipper;
  private readonly usage: UsageBook;
  private readonly meter: UsageMeter;
  private readonly reporter: Reporter;
  private readonly cloneTimes = new Measures();
  private readonly prepareTimes = new Measures();
  private server: HostServer | undefined;
  private commands: Stoppable | undefined;
  private watching: Stoppable | undefined;
  private watchingSecrets: Stoppable | undefined;
  private watchingDrain: Stoppable | undefined;
  private sweeping: NodeJS.Timeout | undefined;
  private isRefreshDue = false;

  constructor(options: HostAgentOptions) {
    const { config, bus, storage, hypervisor, openSession } = options;
    const { hostId, memoryMib, vmCountMax, vcpuMax } = config;
    const { offersInternet = false } = hypervisor;
    this.options = options;
    const logger = (this.logger = options.logger.child({ component: "host-agent", hostId }));
    const clock = (this.clock = options.clock ?? systemClock);
    const announcements = announceOnBus(bus, hostId);
    this.facts = new FactQueue(announcements);
    this.shipper = new LogShipper({ hostId, bus, storage, clock, logger });
    this.logs = new FunctionLogs(hostId, this.shipper, clock);
    this.usage = new UsageBook({
      bus,
      storage,
      source: `host ${hostId}`,
      clock,
      logger,
      settle: (nowMs) => this.meter.settle(nowMs),
      periodMs: options.usagePeriodMs,
    });
    this.meter = new UsageMeter((of, amount) => this.usage.add(of, amount));
    this.templates = new Templates(hypervisor, clock, logger);
    const code = (this.code = new CodeCache({
      dir: join(config.stateDir, "code"),
      source: codeFromObjectStore(storage.code),
      clock,
      logger,
    }));
    this.records = new VmRecords(join(config.stateDir, "records"), logger);
    const epochs = (this.epochs = new Epochs(join(config.stateDir, "epochs.json"), logger));
    const secrets = new Secrets(storage.secrets, options.keyring);
    this.fleet = new Fleet(
      { hostId, memoryMib, vmCountMax, offersInternet, ...(vcpuMax !== undefined && { vcpuMax }) },
      {
        hypervisor,
        openSession,
        clock,
        logger,
        ...(hypervisor.adopt !== undefined && { records: this.records }),
        cloneGate: new Gate(clonesAtOnceMax),
        ensureTemplate: (wanted) => this.templates.ensure(wanted),
        codeFiles: (digest, signal) => code.files(digest, signal),
        openSecrets: (named) => secrets.open(named),
        onPhase: (vm, phase) => this.notePhase(vm, phase),
        onOutput: (vm, stream, bytes) => this.logs.hear(vm, stream, bytes),
        onDelivered: (vm) => this.logs.endCall(vm),
      },
    );
    this.functionTemplates = new FunctionTemplates({
      hypervisor,
      openSession,
      clock,
      logger,
      ensureTemplate: (wanted) => this.templates.ensure(wanted),
      codeFiles: (digest, signal) => code.files(digest, signal),
      // For seconds one VM more than the host may have for calls, but never more memory.
      hasRoom: (wanted) =>
        hasRoom(this.fleet.views(), wanted, { ...this.fleet.limits, vmCountMax: Infinity }),
      isLive: (owned, sinceMs) => this.assignments.isLive(owned, sinceMs),
    });
    this.pools = new Pools({
      fleet: this.fleet,
      templates: this.templates,
      epochs,
      clock,
      logger,
    });
    this.drain = new Drain({
      fleet: this.fleet,
      pools: this.pools,
      clock,
      logger,
      moveMs: options.drainMoveMs,
      onChange: () => {
        if (this.server !== undefined) this.reporter.tell();
      },
    });
    this.assignments = new Assignments({
      fleet: this.fleet,
      clock,
      logger,
      epochs,
      onConfig: (wanted) => this.pools.ensure(wanted),
      functionTemplate: (owned) => this.functionTemplates.use(owned),
    });
    this.reporter = new Reporter(announcements, clock, (nowMs) => this.heartbeat(nowMs));
  }

  /** host:port of the gRPC server; known after start(). */
  get address(): string {
    return this.server?.address ?? this.options.config.address;
  }

  /** @throws TidepoolError when the address cannot be listened on or the hypervisor cannot be asked */
  async start(): Promise<void> {
    const { config, bus, storage } = this.options;
    const leases = await storage.manager.streams.info(`KV_${subjects.buckets.leases}`);
    this.epochs.load(leases.created);
    await Promise.all([this.takeOver(), this.code.open()]);
    for (const vm of this.fleet.all()) this.assignments.note(vm);
    const { fleet, assignments, clock, drain, handover } = this;
    this.watchingDrain = await watchDrain(bus, storage, config.hostId, drain, this.logger);
    this.server = await startHostServer(
      config.address,
      { fleet, assignments, clock, handover },
      this.logger,
      config.nats?.tls,
    );
    this.pools.ensure(baseConfig, config.poolBaseTarget);
    this.commands = serveCommands(bus, config.hostId, {
      assignments,
      pools: this.pools,
      streams: this.server.streams,
    });
    this.watching = await watchFunctions(
      bus,
      storage,
      assignments,
      (config) => {
        if (this.fleet.offers(config)) this.pools.ensure(config);
      },
      this.logger,
    );
    this.watchingSecrets = await watchSecrets(
      bus,
      storage,
      (name) => this.assignments.secretChanged(name),
      this.logger,
    );
    this.sweeping = setInterval(() => {
      this.fleet.isCutOff = this.lease.isOver(bus.isConnected, clock.nowMs());
      this.assignments.releaseOverdue();
      this.drain.sweep();
      this.functionTemplates.tend();
    }, releaseSweepMs);
    this.reporter.tell();
  }

  /** Takes no more work, ends every VM and leaves nothing behind; or leaves those that wait, where it is told to. */
  async stop(): Promise<void> {
    const { hypervisor, config } = this.options;
    const leaves = config.stopKeepsVms === true && hypervisor.leave !== undefined;
    this.pools.stop();
    const madeTemplates = this.functionTemplates.stop();
    const drained = leaves ? this.fleet.leave() : this.fleet.drain();
    this.reporter.tell();
    clearInterval(this.sweeping);
    const heard = [this.commands, this.watching, this.watchingSecrets, this.watchingDrain];
    await Promise.all(heard.map(async (each) => each?.stop()));
    const [left] = await Promise.all([drained, madeTemplates]);
    await this.server?.stop();
    this.facts.flush();
    this.logs.flush();
    await Promise.all([this.shipper.stop(), this.usage.stop()]);
    this.reporter.stop();
    await this.records.settled();
    if (leaves) this.logger.info("VMs left to the next process", { left });
    await (leaves ? hypervisor.leave?.() : hypervisor.close());
  }

  private takeOver(): Promise<void> {
    const { hypervisor } = this.options;
    const { fleet, records, clock, logger } = this;
    return adoptOrDestroy({ hypervisor, fleet, records, clock, logger });
  }

  private notePhase(vm: Vm, phase: VmPhase): void {
    const nowMs = this.clock.nowMs();
    const key = configKey(vm.config);
    this.meter.note(vm, phase, nowMs);
    const isTraffic = phase === "busy" || (phase === "idle" && vm.callCount > 0);
    this.facts.add(factOf(vm, phase, this.options.config.hostId, nowMs), isTraffic);
    const isCloned = phase === "warming" || (phase === "loading" && vm.isCold);
    if (isCloned && vm.cloneMs !== undefined) this.cloneTimes.add(key, vm.cloneMs);
    if (phase === "idle" && vm.callCount === 0 && vm.assignedAtMs !== undefined) {
      this.prepareTimes.add(key, nowMs - vm.assignedAtMs);
    }
    if (phase === "idle") this.handover.offer(vm);
    if (phase === "gone") this.logs.forget(vm);
    if (phase === "stopping" && vm.cloneMs === undefined && vm.failure !== undefined) {
      if (vm.functionTemplate === undefined) this.templates.doubt(vm.config);
      else this.functionTemplates.doubt(vm.functionTemplate);
    }
    this.logPhase(vm, phase);
    this.reporter.note(isTraffic ? trafficTellMs : changeTellMs);
    if (!isTraffic) this.refreshSoon();
  }

  private logPhase(vm: Vm, phase: VmPhase): void {
    const { vmId, failure, reason } = vm;
    const owned = vm.assignment?.owned;
    const functionName = owned?.name;
    if (phase === "gone" && failure !== undefined) {
      this.logger.warn("VM failed", { vmId, functionName, error: messageOf(failure) });
    } else if (phase === "gone") {
      this.logger.info("VM gone", { vmId, functionName, reason });
    } else {
      this.logger.debug("VM phase", { vmId, functionName, phase });
    }
  }

  /** A phase is announced in the middle of a step: pools look when the step is over. */
  private refreshSoon(): void {
    if (this.isRefreshDue) return;
    this.isRefreshDue = true;
    setImmediate(() => {
      this.isRefreshDue = false;
      this.pools.refresh();
    });
  }

  private heartbeat(nowMs: number) {
    const { hypervisor } = this.options;
    return heartbeatOf({
      limits: this.fleet.limits,
      address: this.address,
      hypervisor: hypervisor.name,
      accelerator: hypervisor.accelerator,
      isDraining: this.fleet.isDraining,
      isDrained: this.fleet.isDrained,
      codeDigests: this.code.digests(codeDigestsToldMax),
      pools: this.pools.all().map(({ config, target, problem }) => ({
        config,
        target,
        problem,
        hasTemplate: this.templates.has(config),
        prepareP95Ms: this.prepareTimes.quantile(configKey(config), 0.95),
        cloneMs: this.cloneTimes.mean(configKey(config)),
      })),
      vms: this.fleet.views(),
      nowMs,
    });
  }
}
