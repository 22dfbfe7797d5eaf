/**
 * Chooses the host for one VM. What is ready soonest wins: an idle VM of the same function version, then a
 * warm-pool VM of the config, then a host that has template and code, then one that has the template, then free
 * room, then VMs that nobody uses and that can make room. No host gets more than its memory, CPUs and VM count
 * allow. Among equals, the less
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
  /** What a VM takes of memory beside its function's. */
  readonly vmOverheadMib: number;
  /** Virtual CPUs; infinite where they are not limited. */
  readonly vcpuFree: number;
  readonly vcpuTotal: number;
  readonly vmCount: number;
  readonly vmCountMax: number;
  /** Its VMs may have a network. */
  readonly offersInternet?: boolean;
  /** VMs that nobody uses now, of whatever owner or none: the host lets them go for a call. */
  readonly evictableCount: number;
  /** Idle VMs by function version. */
  readonly idleByVersion: Readonly<Record<string, number>>;
  /** Warm-pool VMs by config key. */
  readonly poolByConfig: Readonly<Record<string, number>>;
  /** Config keys of templates that clones can be made of at once. */
  readonly templates: ReadonlySet<string>;
  /** Of code on the host's disk; see codeKeyOf. */
  readonly codeKeys: ReadonlySet<string>;
}

export interface PlacementRequest {
  /** Function and version, as in `idleByVersion`. */
  readonly versionKey: string;
  /** Runtime and memory, as in `poolByConfig`. */
  readonly configKey: string;
  readonly codeDigest: string;
  readonly memoryMib: number;
  readonly vcpuCount: number;
  /** Only hosts that give VMs a network will do. */
  readonly needsInternet?: boolean;
  /** A pre-warm wants one VM more: the idle ones are spoken for. */
  readonly isPrewarm?: boolean;
}

export type Placement =
  | { readonly ok: true; readonly hostId: string; readonly reason: PlacementReason }
  | { readonly ok: false; readonly failure: Failure };

/** What the chosen host has ready. */
export type PlacementReason = "idle" | "pool" | "code" | "template" | "memory" | "evict";

const reasonsBestFirst = ["idle", "pool", "code", "template", "memory", "evict"] as const;

/** Hex digits of a digest that tell code apart. */
export const codeKeyDigits = 16;

/** @param digest with or without "sha256:" */
export const codeKeyOf = (digest: string): string =>
  digest.slice(digest.indexOf(":") + 1).slice(0, codeKeyDigits);

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
  if (hosts.length > 0 && hosts.every((host) => isClosedTo(request, host))) {
    const message = `${request.versionKey} asks for the internet, which no host gives its VMs`;
    return { ok: false, failure: { code: "wrongPhase", message, reason: "noNetwork" } };
  }
  const message = refusal(request, hosts);
  return { ok: false, failure: { code: "noCapacity", message, reason: reasonOf(request, hosts) } };
}

/** The best that the host has for the request; undefined when it cannot take it. */
function readiness(request: PlacementRequest, host: HostView): PlacementReason | undefined {
  if (isClosedTo(request, host)) return undefined;
  // A VM that is there already has its memory and its place in the count.
  const idle = host.idleByVersion[request.versionKey] ?? 0;
  if (idle > 0 && request.isPrewarm !== true) return "idle";
  if ((host.poolByConfig[request.configKey] ?? 0) > 0) return "pool";
  if (!hasRoom(request, host)) {
    // For a window nobody has to go.
    const canEvict = host.evictableCount > 0 && couldFit(request, host);
    return canEvict && request.isPrewarm !== true ? "evict" : undefined;
  }
  if (!host.templates.has(request.configKey)) return "memory";
  return host.codeKeys.has(codeKeyOf(request.codeDigest)) ? "code" : "template";
}

const isClosedTo = ({ needsInternet }: PlacementRequest, host: HostView): boolean =>
  needsInternet === true && host.offersInternet !== true;

function hasRoom({ memoryMib, vcpuCount }: PlacementRequest, host: HostView): boolean {
  return (
    host.memoryFreeMib >= memoryMib + host.vmOverheadMib &&
    host.vcpuFree >= vcpuCount &&
    host.vmCount < host.vmCountMax
  );
}

/** Were nothing else on the host. */
function couldFit({ memoryMib, vcpuCount }: PlacementRequest, host: HostView): boolean {
  const { memoryTotalMib, vmOverheadMib, vcpuTotal } = host;
  return memoryTotalMib >= memoryMib + vmOverheadMib && vcpuTotal >= vcpuCount;
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

/** Share of the scarcest of memory, CPUs and VM count in use. */
function load(host: HostView): number {
  const memory = 1 - host.memoryFreeMib / host.memoryTotalMib;
  const cpus = Number.isFinite(host.vcpuTotal) ? 1 - host.vcpuFree / host.vcpuTotal : 0;
  return Math.max(memory, cpus, host.vmCount / host.vmCountMax);
}

/** Whether it helps to wait until other calls have ended. */
function reasonOf(request: PlacementRequest, hosts: readonly HostView[]): string {
  const ready = hosts.filter((host) => host.state === "ready" && !isClosedTo(request, host));
  if (ready.length === 0) return "noHost";
  const fits = ready.some((host) => couldFit(request, host));
  return fits ? "hostsFull" : "neverFits";
}

function refusal(request: PlacementRequest, hosts: readonly HostView[]): string {
  const wanted = `${request.versionKey} needs ${request.memoryMib} MiB`;
  if (hosts.length === 0) return `${wanted}, no host has reported`;
  const told = hosts.slice(0, hostsNamedMax).map((host) => {
    if (host.state !== "ready") return `${host.hostId} is ${host.state}`;
    if (isClosedTo(request, host)) return `${host.hostId} gives VMs no network`;
    if (host.vmCount >= host.vmCountMax)
      return `${host.hostId} has ${host.vmCount} of at most ${host.vmCountMax} VMs`;
    if (host.vcpuFree < request.vcpuCount)
      return `${host.hostId} has ${host.vcpuFree} CPUs free of ${host.vcpuTotal}`;
    return `${host.hostId} has ${host.memoryFreeMib} MiB free of ${host.memoryTotalMib}`;
  });
  const others = hosts.length - told.length;
  return `${wanted}: ${told.join(", ")}${others > 0 ? ` and ${others} more` : ""}`;
}

/** A refusal names so many hosts. */
const hostsNamedMax = 5;
