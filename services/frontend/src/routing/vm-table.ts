/**
 * Which host has an idle VM of which function version, as far as this frontend knows: from the hosts' facts
 * and heartbeats, and from its own calls. Pure; instants come in.
 *
 * The host's answer is final, so a wrong guess that a VM is idle costs one round trip to that host, while
 * a wrong guess that none is idle costs a new VM. In doubt a VM is taken to be idle.
 */
import { hostSilenceMaxMs } from "../limits.ts";

export interface HostAddress {
  readonly hostId: string;
  readonly address: string;
}

export interface SeenFact {
  readonly hostId: string;
  readonly vmId: string;
  readonly phase: string;
  readonly functionName: string;
  readonly version: string;
  readonly atMs: number;
}

export interface SeenHeartbeat {
  readonly hostId: string;
  readonly address: string;
  readonly isDraining: boolean;
  /** Its VMs serve until others have taken over. */
  readonly isDrained?: boolean;
  readonly atMs: number;
  readonly functions: readonly {
    readonly name: string;
    readonly version: string;
    readonly idle: number;
  }[];
}

/** One call that was sent to a host's idle VMs; give it back to the table when it ends. */
export interface Taken {
  readonly host: HostAddress;
  readonly key: string;
}

interface Fleet {
  /** Idle VMs by id, with the instant of that news. */
  readonly idle: Map<string, number>;
  /** VMs that a heartbeat counts as idle and no fact has named. */
  unnamed: number;
  /** Own calls on their way whose VM has not been told to be busy. */
  onTheirWay: number;
}

interface Candidate {
  readonly taken: Taken;
  readonly fleet: Fleet;
  readonly free: number;
  readonly isDrained: boolean;
}

interface Host {
  address: string;
  isDraining: boolean;
  isDrained: boolean;
  heardAtMs: number;
  heartbeatAtMs: number;
  readonly fleets: Map<string, Fleet>;
}

/** A fact this much older than a heartbeat is surely counted in it. */
const heartbeatLagMs = 200;

const nobody: ReadonlySet<string> = new Set();

export class VmTable {
  /** Told whenever a VM of a version has become idle. */
  onIdle: (functionName: string, version: string) => void = () => {};
  private readonly hosts = new Map<string, Host>();

  /** Whether a host may have an idle VM of this version. */
  hasIdle(functionName: string, version: string): boolean {
    return this.best(functionName, version) !== undefined;
  }

  /** Whether a host that serves has a VM of this version, busy ones and those that load it too. */
  knows(functionName: string, version: string): boolean {
    const key = keyOf(functionName, version);
    return [...this.hosts.values()].some((host) => !host.isDraining && host.fleets.has(key));
  }

  /** A host that may have an idle VM of this version; the one with the most. @param avoided these not */
  take(functionName: string, version: string, avoided = nobody): Taken | undefined {
    const best = this.best(functionName, version, avoided);
    if (best === undefined) return undefined;
    best.fleet.onTheirWay += 1;
    return best.taken;
  }

  private best(functionName: string, version: string, avoided = nobody): Candidate | undefined {
    const key = keyOf(functionName, version);
    let best: Candidate | undefined;
    for (const [hostId, host] of this.hosts) {
      const fleet = host.isDraining ? undefined : host.fleets.get(key);
      if (fleet === undefined || host.address === "") continue;
      const free = fleet.idle.size + fleet.unnamed - fleet.onTheirWay;
      const { isDrained, address } = host;
      const isBetter = best?.isDrained === isDrained ? free > best.free : best?.isDrained !== false;
      if (free > 0 && isBetter && !avoided.has(hostId)) {
        best = { taken: { host: { hostId, address }, key }, fleet, free, isDrained };
      }
    }
    return best;
  }

  /** The host had none: nothing is idle there until it says so. */
  refused(taken: Taken): void {
    const fleet = this.hosts.get(taken.host.hostId)?.fleets.get(taken.key);
    if (fleet === undefined) return;
    fleet.onTheirWay = Math.max(0, fleet.onTheirWay - 1);
    fleet.idle.clear();
    fleet.unnamed = 0;
  }

  /** A call ended without an answer that tells of its VM. */
  lost(taken: Taken): void {
    const fleet = this.hosts.get(taken.host.hostId)?.fleets.get(taken.key);
    if (fleet !== undefined) fleet.onTheirWay = Math.max(0, fleet.onTheirWay - 1);
  }

  /** A call ended well: its VM is idle again, known sooner than by its fact. */
  finished(
    host: HostAddress,
    call: { readonly functionName: string; readonly version: string; readonly vmId: string },
    taken: Taken | undefined,
    nowMs: number,
  ): void {
    const known = this.ensureHost(host.hostId, nowMs);
    if (known.address === "") known.address = host.address;
    const fleet = ensureFleet(known, keyOf(call.functionName, call.version));
    if (taken !== undefined) fleet.onTheirWay = Math.max(0, fleet.onTheirWay - 1);
    if (!fleet.idle.has(call.vmId) && fleet.unnamed > 0 && taken !== undefined) fleet.unnamed -= 1;
    fleet.idle.set(call.vmId, nowMs);
    this.onIdle(call.functionName, call.version);
  }

  fact(fact: SeenFact, nowMs: number): void {
    if (fact.functionName === "") return;
    const host = this.ensureHost(fact.hostId, nowMs);
    host.heardAtMs = nowMs;
    const fleet = ensureFleet(host, keyOf(fact.functionName, fact.version));
    const knownAtMs = fleet.idle.get(fact.vmId);
    switch (fact.phase) {
      case "idle":
        fleet.idle.set(fact.vmId, Math.max(fact.atMs, knownAtMs ?? 0));
        if (knownAtMs === undefined) this.onIdle(fact.functionName, fact.version);
        return;
      case "busy":
        // Told late, about a call whose end is known already.
        if (knownAtMs !== undefined && knownAtMs > fact.atMs) return;
        if (!fleet.idle.delete(fact.vmId) && fleet.unnamed > 0) fleet.unnamed -= 1;
        fleet.onTheirWay = Math.max(0, fleet.onTheirWay - 1);
        return;
      default:
        fleet.idle.delete(fact.vmId);
    }
  }

  heartbeat(heartbeat: SeenHeartbeat, nowMs: number): void {
    const host = this.ensureHost(heartbeat.hostId, nowMs);
    if (heartbeat.atMs < host.heartbeatAtMs) return;
    host.address = heartbeat.address;
    host.isDraining = heartbeat.isDraining;
    host.isDrained = heartbeat.isDrained ?? false;
    host.heardAtMs = nowMs;
    host.heartbeatAtMs = heartbeat.atMs;
    const counts = new Map<string, number>();
    for (const { name, version, idle } of heartbeat.functions) {
      counts.set(keyOf(name, version), idle);
      ensureFleet(host, keyOf(name, version));
    }
    for (const [key, fleet] of host.fleets) {
      correct(fleet, counts.get(key) ?? 0, heartbeat.atMs);
      const isEmpty = fleet.idle.size === 0 && fleet.onTheirWay === 0;
      if (isEmpty && !counts.has(key)) host.fleets.delete(key);
    }
  }

  /** Forgets hosts not heard of for hostSilenceMaxMs; call only while news could have come. */
  forgetSilent(nowMs: number): readonly string[] {
    const silent = [...this.hosts]
      .filter(([, { heardAtMs }]) => nowMs - heardAtMs > hostSilenceMaxMs)
      .map(([hostId]) => hostId);
    for (const hostId of silent) this.hosts.delete(hostId);
    return silent;
  }

  /** News could not come until now: the silence of every host begins again. */
  forgiveSilence(nowMs: number): void {
    for (const host of this.hosts.values()) host.heardAtMs = nowMs;
  }

  private ensureHost(hostId: string, nowMs: number): Host {
    let host = this.hosts.get(hostId);
    if (host === undefined) {
      host = {
        address: "",
        isDraining: false,
        isDrained: false,
        heardAtMs: nowMs,
        heartbeatAtMs: 0,
        fleets: new Map(),
      };
      this.hosts.set(hostId, host);
    }
    return host;
  }
}

/** Names have no "@". */
function keyOf(functionName: string, version: string): string {
  return `${functionName}@${version}`;
}

function ensureFleet(host: Host, key: string): Fleet {
  let fleet = host.fleets.get(key);
  if (fleet === undefined) {
    fleet = { idle: new Map(), unnamed: 0, onTheirWay: 0 };
    host.fleets.set(key, fleet);
  }
  return fleet;
}

/** A heartbeat counts but does not name: too few known are completed, too many lose those that it surely saw. */
function correct(fleet: Fleet, idleCount: number, heartbeatAtMs: number): void {
  fleet.unnamed = Math.max(0, idleCount - fleet.idle.size);
  const oldestFirst = [...fleet.idle].sort(([, a], [, b]) => a - b);
  for (const [vmId, atMs] of oldestFirst) {
    if (fleet.idle.size <= idleCount) return;
    if (atMs < heartbeatAtMs - heartbeatLagMs) fleet.idle.delete(vmId);
  }
}
