/**
 * Chooses the host for one VM. What is ready soonest wins: an idle VM of the same function version, then a
 * warm-pool VM of the config, then a host that has the code, then free memory, then VMs that nobody uses and
 * that can make room. Among equals, the less
 * loaded of two drawn at random: cheap, and a crowd of requests does not run to one host.
 */
import type { Failure } from "@tidepool/common";

/** A host as its last heartbeat tells it. */
export interface HostView {
  readonly hostId: string;
  /** `silent`: its heartbeat is overdue. */
  readonly state: "ready" | "draining" | "silent";
  readonly memoryFreeMib: number;
  readonly memoryTotalMib: number;
  readonly vmCount: number;
  readonly vmCountMax: number;
  /** VMs that nobody uses now, of whatever owner or none: the host lets them go for a call. */
  readonly evictableCount: number;
  /** Idle VMs by function version. */
  readonly idleByVersion: Readonly<Record<string, number>>;
  /** Warm-pool VMs by config key. */
  readonly poolByConfig: Readonly<Record<string, number>>;
  /** Digests of code on the host's disk. */
  readonly cachedDigests: ReadonlySet<string>;
}

export interface PlacementRequest {
  /** Function and version, as in `idleByVersion`. */
  readonly versionKey: string;
  /** Runtime and memory, as in `poolByConfig`. */
  readonly configKey: string;
  readonly codeDigest: string;
  readonly memoryMib: number;
  /** A pre-warm wants one VM more: the idle ones are spoken for. */
  readonly isPrewarm?: boolean;
}

export type Placement =
  | { readonly ok: true; readonly hostId: string; readonly reason: PlacementReason }
  | { readonly ok: false; readonly failure: Failure };

/** What the chosen host has ready. */
export type PlacementReason = "idle" | "pool" | "code" | "memory" | "evict";

const reasonsBestFirst = ["idle", "pool", "code", "memory", "evict"] as const;

/** `random` gives numbers in [0, 1); the same numbers give the same choice. */
export function place(
  request: PlacementRequest,
  hosts: readonly HostView[],
  random: () => number,
): Placement {
  const byReason = new Map<PlacementReason, HostView[]>();
  for (const host of hosts) {
    const reason = host.state === "ready" ? readiness(request, host) : undefined;
    if (reason === undefined) continue;
    const same = byReason.get(reason);
    if (same === undefined) byReason.set(reason, [host]);
    else same.push(host);
  }
  for (const reason of reasonsBestFirst) {
    const equals = byReason.get(reason);
    const chosen = equals === undefined ? undefined : lessLoadedOfTwo(equals, random);
    if (chosen !== undefined) return { ok: true, hostId: chosen.hostId, reason };
  }
  const message = refusal(request, hosts);
  return { ok: false, failure: { code: "noCapacity", message, reason: reasonOf(request, hosts) } };
}

/** The best that the host has for the request; undefined when it cannot take it. */
function readiness(request: PlacementRequest, host: HostView): PlacementReason | undefined {
  // A VM that is there already has its memory and its place in the count.
  const idle = host.idleByVersion[request.versionKey] ?? 0;
  if (idle > 0 && request.isPrewarm !== true) return "idle";
  if ((host.poolByConfig[request.configKey] ?? 0) > 0) return "pool";
  if (host.memoryFreeMib < request.memoryMib || host.vmCount >= host.vmCountMax) {
    // For a window nobody has to go.
    const canEvict = host.evictableCount > 0 && host.memoryTotalMib >= request.memoryMib;
    return canEvict && request.isPrewarm !== true ? "evict" : undefined;
  }
  return host.cachedDigests.has(request.codeDigest) ? "code" : "memory";
}

function lessLoadedOfTwo(hosts: readonly HostView[], random: () => number): HostView | undefined {
  const first = Math.floor(random() * hosts.length);
  // Drawn from the others, so that the two always differ.
  const step = 1 + Math.floor(random() * (hosts.length - 1));
  const a = hosts[first];
  const b = hosts[(first + step) % hosts.length];
  if (a === undefined || b === undefined) return a;
  return load(b) < load(a) ? b : a;
}

/** Share of the scarcer of memory and VM count in use. */
function load(host: HostView): number {
  const memory = 1 - host.memoryFreeMib / host.memoryTotalMib;
  return Math.max(memory, host.vmCount / host.vmCountMax);
}

/** Whether it helps to wait until other calls have ended. */
function reasonOf(request: PlacementRequest, hosts: readonly HostView[]): string {
  const ready = hosts.filter(({ state }) => state === "ready");
  if (ready.length === 0) return "noHost";
  const fits = ready.some(({ memoryTotalMib }) => memoryTotalMib >= request.memoryMib);
  return fits ? "hostsFull" : "neverFits";
}

function refusal(request: PlacementRequest, hosts: readonly HostView[]): string {
  const wanted = `${request.versionKey} needs ${request.memoryMib} MiB`;
  if (hosts.length === 0) return `${wanted}, no host has reported`;
  const told = hosts.slice(0, hostsNamedMax).map((host) => {
    if (host.state !== "ready") return `${host.hostId} is ${host.state}`;
    if (host.vmCount >= host.vmCountMax)
      return `${host.hostId} has ${host.vmCount} of at most ${host.vmCountMax} VMs`;
    return `${host.hostId} has ${host.memoryFreeMib} MiB free of ${host.memoryTotalMib}`;
  });
  const others = hosts.length - told.length;
  return `${wanted}: ${told.join(", ")}${others > 0 ? ` and ${others} more` : ""}`;
}

/** A refusal names so many hosts. */
const hostsNamedMax = 5;
