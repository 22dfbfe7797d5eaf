/**
 * The hosts as their heartbeats tell them, ready to be asked: what each could take, and where each function
 * version has VMs. Between heartbeats the scheduler's own orders are taken off, so that a crowd of calls
 * does not order the same VM twice; the next heartbeat is the truth again.
 */
import type { HostView } from "../placement/index.ts";
import { configKeyOf, versionKeyOf } from "../ports.ts";
import type { FunctionVersion, VmConfig } from "../ports.ts";
import type { Heartbeat, HostFunction } from "./heartbeat.ts";
import {
  areSameFunctions,
  areSamePools,
  isSameCode,
  showCode,
  showNumbers,
  showVms,
  takeVm,
  viewOf,
} from "./host-view.ts";
import type { MutableView } from "./host-view.ts";
import { ReadyPools } from "./ready-pools.ts";

/** A host that was not heard for so long gets no orders. Three heartbeats. */
export const hostSilenceMaxMs = 3_000;
/** A scheduler that has just started listens so long for a first heartbeat before it says that there is none. */
export const firstHeartbeatWaitMs = 1_500;
/** Within this time every host has told of itself. */
export const heartbeatRoundMs = 1_200;

interface Host {
  readonly view: MutableView;
  heartbeat: Heartbeat;
  heardAtMs: number;
  /** Since its heartbeat: what it has is less than that tells. */
  isOrdered: boolean;
}

export class HostTable {
  private readonly hosts = new Map<string, Host>();
  /** Function name → host id → its VMs there. */
  private readonly byFunction = new Map<string, Map<string, readonly HostFunction[]>>();
  private readonly pools = new ReadyPools();
  private list: readonly HostView[] | undefined;
  /** By config, of hosts that are ready; 0 for none. */
  private readonly slowestMs = new Map<string, number>();
  /** Told when a host's VMs have gone or will go: it became silent, is drained or stops. */
  onLeft: (hostId: string, vms: readonly HostFunction[]) => void = () => {};
  private heardOne: () => void = () => {};
  /** Resolves when one host has been heard, or `giveUpWaiting` was called. */
  readonly known = new Promise<void>((resolve) => (this.heardOne = resolve));

  /** From now on no host heard means that there is none. */
  giveUpWaiting(): void {
    this.heardOne();
  }

  /** @returns whether the host can now be used and could not before, or the other way round */
  note(heartbeat: Heartbeat, nowMs: number): boolean {
    const { hostId } = heartbeat;
    this.heardOne();
    const known = this.hosts.get(hostId);
    if (known === undefined) {
      const view = viewOf(heartbeat);
      this.hosts.set(hostId, { view, heartbeat, heardAtMs: nowMs, isOrdered: false });
      this.list = undefined;
      this.slowestMs.clear();
      this.pools.changed(view);
      this.indexFunctions(hostId, [], heartbeat.functions);
      return true;
    }
    const { view, heartbeat: before } = known;
    const stateBefore = view.state;
    this.update(known, heartbeat);
    known.heardAtMs = nowMs;
    if (stateBefore === "ready" && view.state === "draining") this.onLeft(hostId, before.functions);
    return stateBefore !== view.state;
  }

  /** What is told again as it was stays the same object: little of a heartbeat outlives it. */
  private update(host: Host, heartbeat: Heartbeat): void {
    const { view, heartbeat: before, isOrdered } = host;
    const stateBefore = view.state;
    const isSameFunctions = areSameFunctions(before.functions, heartbeat.functions);
    const isSamePools = areSamePools(before.pools, heartbeat.pools);
    if (!isSameFunctions)
      this.indexFunctions(heartbeat.hostId, before.functions, heartbeat.functions);
    host.heartbeat = {
      ...heartbeat,
      functions: isSameFunctions ? before.functions : heartbeat.functions,
      pools: isSamePools ? before.pools : heartbeat.pools,
    };
    showNumbers(view, heartbeat);
    if (isOrdered || !isSameCode(before.code, heartbeat.code)) showCode(view, heartbeat.code);
    const isSameState = stateBefore === view.state;
    if (!isSamePools || !isSameState) this.slowestMs.clear();
    if (isOrdered || !isSameFunctions || !isSamePools) {
      const former = Object.keys(view.poolByConfig);
      showVms(view, host.heartbeat);
      this.pools.changed(view, former);
    } else if (!isSameState) this.pools.changed(view);
    host.isOrdered = false;
  }

  /** @returns hosts that have just become silent */
  sweep(nowMs: number): readonly string[] {
    const silent: string[] = [];
    for (const [hostId, { view, heardAtMs, heartbeat }] of this.hosts) {
      if (view.state === "silent" || nowMs - heardAtMs < hostSilenceMaxMs) continue;
      const wasReady = view.state === "ready";
      view.state = "silent";
      this.pools.changed(view);
      this.slowestMs.clear();
      silent.push(hostId);
      if (wasReady) this.onLeft(hostId, heartbeat.functions);
    }
    return silent;
  }

  views(): readonly HostView[] {
    this.list ??= [...this.hosts.values()].map(({ view }) => view);
    return this.list;
  }

  /**
   * Where one VM of the version is best placed, as far as that is known without looking at every host: those
   * with an idle one, else two of those whose pool has one, else all. To be chosen from by `place`.
   */
  shortlist(
    version: FunctionVersion,
    isPrewarm: boolean,
    random: () => number,
  ): readonly HostView[] {
    if (!isPrewarm) {
      const idle = this.withIdle(version);
      if (idle.length > 0) return idle;
    }
    const pooled = this.pools.drawTwo(configKeyOf(version), random);
    return pooled.length > 0 ? pooled : this.views();
  }

  private withIdle({ name, version }: FunctionVersion): readonly HostView[] {
    const key = versionKeyOf(name, version);
    return [...(this.byFunction.get(name)?.keys() ?? [])].flatMap((hostId) => {
      const view = this.hosts.get(hostId)?.view;
      return view?.state === "ready" && (view.idleByVersion[key] ?? 0) > 0 ? [view] : [];
    });
  }

  /** host:port of its gRPC server; undefined for a host never heard of. */
  addressOf(hostId: string): string | undefined {
    return this.hosts.get(hostId)?.heartbeat.address;
  }

  /** When its last heartbeat came; 0 for a host never heard of. */
  heardAtMs(hostId: string): number {
    return this.hosts.get(hostId)?.heardAtMs ?? 0;
  }

  heartbeats(): readonly Heartbeat[] {
    return [...this.hosts.values()]
      .filter(({ view }) => view.state !== "silent")
      .map(({ heartbeat }) => heartbeat);
  }

  /** Where a function has VMs, of any version, on hosts that are not silent. */
  whereabouts(functionName: string): ReadonlyMap<string, readonly HostFunction[]> {
    const found = this.byFunction.get(functionName);
    if (found === undefined) return nowhere;
    const heard = [...found].filter(([hostId]) => this.hosts.get(hostId)?.view.state !== "silent");
    return heard.length === found.size ? found : new Map(heard);
  }

  /** The same without hosts that are drained or stop: their VMs are not there for long. */
  lasting(functionName: string): ReadonlyMap<string, readonly HostFunction[]> {
    const found = this.byFunction.get(functionName);
    if (found === undefined) return nowhere;
    const ready = [...found].filter(([hostId]) => this.hosts.get(hostId)?.view.state === "ready");
    return ready.length === found.size ? found : new Map(ready);
  }

  /** Names of functions that have VMs on any host. */
  functionNames(): Iterable<string> {
    return this.byFunction.keys();
  }

  /** VMs of a version in any phase, those that load included. */
  vmCount(functionName: string, version: string): number {
    let count = 0;
    for (const parts of this.lasting(functionName).values()) {
      for (const part of parts)
        if (part.version === version) count += part.idle + part.busy + part.loading;
    }
    return count;
  }

  idleCount(functionName: string, version: string): number {
    let count = 0;
    for (const parts of this.lasting(functionName).values()) {
      for (const part of parts) if (part.version === version) count += part.idle;
    }
    return count;
  }

  /** The slowest host's 95th percentile for this config; undefined before any has prepared a VM. */
  prepareP95Ms(config: VmConfig): number | undefined {
    const key = configKeyOf(config);
    // Of each call, and the same until another heartbeat comes.
    let slowestMs = this.slowestMs.get(key);
    if (slowestMs === undefined) this.slowestMs.set(key, (slowestMs = this.slowestOf(key)));
    return slowestMs === 0 ? undefined : slowestMs;
  }

  private slowestOf(key: string): number {
    let slowestMs = 0;
    for (const { view, heartbeat } of this.hosts.values()) {
      if (view.state !== "ready") continue;
      for (const pool of heartbeat.pools) {
        if (configKeyOf(pool) === key) slowestMs = Math.max(slowestMs, pool.prepareP95Ms);
      }
    }
    return slowestMs;
  }

  /** An order for a VM of `version` was given to the host. */
  noteOrdered(hostId: string, version: FunctionVersion, isPrewarm: boolean): void {
    const host = this.hosts.get(hostId);
    if (host === undefined) return;
    host.isOrdered = true;
    const isOfPool = takeVm(host.view, version, isPrewarm);
    if (isOfPool) this.pools.note(host.view, configKeyOf(version));
  }

  private indexFunctions(
    hostId: string,
    before: readonly HostFunction[],
    after: readonly HostFunction[],
  ): void {
    for (const { name } of before) {
      const hosts = this.byFunction.get(name);
      hosts?.delete(hostId);
      if (hosts?.size === 0) this.byFunction.delete(name);
    }
    for (const part of after) {
      let hosts = this.byFunction.get(part.name);
      if (hosts === undefined) this.byFunction.set(part.name, (hosts = new Map()));
      hosts.set(hostId, [...(hosts.get(hostId) ?? []), part]);
    }
  }
}

const nowhere: ReadonlyMap<string, readonly HostFunction[]> = new Map();
