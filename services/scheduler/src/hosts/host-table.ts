/**
 * The hosts as their heartbeats tell them, ready to be asked: what each could take, and where each function
 * version has VMs. Between heartbeats the scheduler's own orders are taken off, so that a crowd of calls
 * does not order the same VM twice; the next heartbeat is the truth again.
 */
import { codeKeyOf } from "../placement/index.ts";
import type { HostView } from "../placement/index.ts";
import { configKeyOf, versionKeyOf } from "../ports.ts";
import type { FunctionVersion, VmConfig } from "../ports.ts";

export interface Heartbeat {
  readonly hostId: string;
  readonly address: string;
  readonly memoryMib: number;
  readonly memoryUsedMib: number;
  readonly vmCount: number;
  readonly vmCountMax: number;
  /** Absent from hosts of earlier versions, as are those that follow. */
  readonly vcpuCount?: number;
  readonly vcpuUsed?: number;
  /** What a VM takes of memory beside its function's. */
  readonly vmOverheadMib?: number;
  /** Of code on its disk. */
  readonly codeKeys?: readonly string[];
  readonly isDraining: boolean;
  readonly pools: readonly HostPool[];
  readonly functions: readonly HostFunction[];
}

export interface HostPool extends VmConfig {
  readonly ready: number;
  /** 0 before anything was prepared. */
  readonly prepareP95Ms: number;
  readonly hasTemplate?: boolean;
}

export interface HostFunction {
  readonly name: string;
  readonly version: string;
  readonly idle: number;
  readonly busy: number;
  readonly loading: number;
}

/** A host that was not heard for so long gets no orders. Three heartbeats. */
export const hostSilenceMaxMs = 3_000;
/** A scheduler that has just started listens so long for a first heartbeat before it says that there is none. */
export const firstHeartbeatWaitMs = 1_500;
/** Digests remembered for each host, those that were loaded last. */
export const digestsMax = 256;

interface Host {
  readonly view: MutableView;
  readonly heartbeat: Heartbeat;
  readonly heardAtMs: number;
}

interface MutableView extends HostView {
  state: HostView["state"];
  memoryFreeMib: number;
  vcpuFree: number;
  vmCount: number;
  evictableCount: number;
  readonly idleByVersion: Record<string, number>;
  readonly poolByConfig: Record<string, number>;
  readonly codeKeys: Set<string>;
}

export class HostTable {
  private readonly hosts = new Map<string, Host>();
  /** Function name → host id → its VMs there. */
  private readonly byFunction = new Map<string, Map<string, readonly HostFunction[]>>();
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
    const before = this.hosts.get(hostId);
    const view = viewOf(heartbeat, before?.view.codeKeys ?? new Set());
    this.hosts.set(hostId, { view, heartbeat, heardAtMs: nowMs });
    this.list = undefined;
    this.slowestMs.clear();
    this.indexFunctions(hostId, before?.heartbeat.functions ?? [], heartbeat.functions);
    if (before?.view.state === "ready" && view.state === "draining")
      this.onLeft(hostId, before.heartbeat.functions);
    return before?.view.state !== view.state;
  }

  /** @returns hosts that have just become silent */
  sweep(nowMs: number): readonly string[] {
    const silent: string[] = [];
    for (const [hostId, { view, heardAtMs, heartbeat }] of this.hosts) {
      if (view.state === "silent" || nowMs - heardAtMs < hostSilenceMaxMs) continue;
      const wasReady = view.state === "ready";
      view.state = "silent";
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
    const view = this.hosts.get(hostId)?.view;
    if (view === undefined) return;
    remember(view.codeKeys, codeKeyOf(version.codeDigest));
    const versionKey = versionKeyOf(version.name, version.version);
    const configKey = configKeyOf(version);
    if (!isPrewarm && takeOne(view.idleByVersion, versionKey)) return;
    if (takeOne(view.poolByConfig, configKey)) return;
    if (view.vmCount >= view.vmCountMax) view.evictableCount -= 1;
    else view.vmCount += 1;
    view.memoryFreeMib -= version.memoryMib + view.vmOverheadMib;
    view.vcpuFree -= version.vcpuCount;
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

function viewOf(heartbeat: Heartbeat, codeKeys: Set<string>): MutableView {
  const { vcpuCount = Number.POSITIVE_INFINITY, vcpuUsed = 0, vmOverheadMib = 0 } = heartbeat;
  for (const key of (heartbeat.codeKeys ?? []).toReversed()) remember(codeKeys, key);
  return {
    hostId: heartbeat.hostId,
    state: heartbeat.isDraining ? "draining" : "ready",
    memoryFreeMib: heartbeat.memoryMib - heartbeat.memoryUsedMib,
    memoryTotalMib: heartbeat.memoryMib,
    vmOverheadMib,
    vcpuFree: vcpuCount - vcpuUsed,
    vcpuTotal: vcpuCount,
    vmCount: heartbeat.vmCount,
    vmCountMax: heartbeat.vmCountMax,
    evictableCount:
      sumOf(heartbeat.functions, ({ idle }) => idle) + sumOf(heartbeat.pools, ({ ready }) => ready),
    idleByVersion: Object.fromEntries(
      heartbeat.functions.map((part) => [versionKeyOf(part.name, part.version), part.idle]),
    ),
    poolByConfig: Object.fromEntries(
      heartbeat.pools.map((pool) => [configKeyOf(pool), pool.ready]),
    ),
    templates: new Set(heartbeat.pools.filter(hasTemplate).map(configKeyOf)),
    codeKeys,
  };
}

const hasTemplate = (pool: HostPool): boolean => pool.hasTemplate ?? pool.ready > 0;

function sumOf<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0);
}

function takeOne(counts: Record<string, number>, key: string): boolean {
  const count = counts[key] ?? 0;
  if (count > 0) counts[key] = count - 1;
  return count > 0;
}

/** The newest last; the oldest goes. */
function remember(keys: Set<string>, key: string): void {
  keys.delete(key);
  keys.add(key);
  if (keys.size <= digestsMax) return;
  for (const oldest of keys) {
    keys.delete(oldest);
    return;
  }
}
