/** The hosts as their heartbeats tell them, silent ones for a while too. Pure; instants come in. */
import { fromTimestamp, tidepool, toTimestamp } from "@tidepool/proto";
import { hostSilenceMaxMs } from "../limits.ts";

type Heartbeat = tidepool.internal.v1.HostHeartbeat.$Properties;
export type HostMessage = tidepool.v1.Host.$Properties & { readonly hostId: string };

/** A host that is neither heard nor drained is listed for so long. */
export const silentHostShownMs = 600_000;

const { HostState } = tidepool.v1;

export class HostsView {
  private readonly hosts = new Map<string, { heartbeat: Heartbeat; heardAtMs: number }>();

  heartbeat(heartbeat: Heartbeat, nowMs: number): void {
    const hostId = heartbeat.hostId ?? "";
    const known = this.hosts.get(hostId)?.heartbeat;
    if ((fromTimestamp(known?.at) ?? 0) > (fromTimestamp(heartbeat.at) ?? 0)) return;
    this.hosts.set(hostId, { heartbeat, heardAtMs: nowMs });
  }

  has(hostId: string): boolean {
    return this.hosts.has(hostId);
  }

  /** By id. @param drained by host, since when */
  list(drained: ReadonlyMap<string, number>, nowMs: number): readonly HostMessage[] {
    for (const [hostId, { heardAtMs }] of this.hosts) {
      if (nowMs - heardAtMs > silentHostShownMs) this.hosts.delete(hostId);
    }
    const hostIds = new Set([...this.hosts.keys(), ...drained.keys()]);
    return [...hostIds].sort().map((hostId) => this.describe(hostId, drained.get(hostId), nowMs));
  }

  describe(hostId: string, drainedAtMs: number | undefined, nowMs: number): HostMessage {
    const drainedAt = drainedAtMs === undefined ? {} : { drainedAt: toTimestamp(drainedAtMs) };
    const known = this.hosts.get(hostId);
    if (known === undefined) return { hostId, state: HostState.HOST_STATE_SILENT, ...drainedAt };
    const { heartbeat, heardAtMs } = known;
    const isSilent = nowMs - heardAtMs > hostSilenceMaxMs;
    return {
      hostId,
      state: isSilent ? HostState.HOST_STATE_SILENT : stateOf(heartbeat, drainedAtMs !== undefined),
      address: heartbeat.address ?? "",
      hypervisor: heartbeat.hypervisor ?? "",
      accelerator: heartbeat.accelerator ?? "",
      memoryMib: heartbeat.memoryMib ?? 0,
      memoryUsedMib: heartbeat.memoryUsedMib ?? 0,
      vcpuCount: heartbeat.vcpuCount ?? 0,
      vcpuUsed: heartbeat.vcpuUsed ?? 0,
      vmCount: heartbeat.vmCount ?? 0,
      vmCountMax: heartbeat.vmCountMax ?? 0,
      busyCount: (heartbeat.functions ?? []).reduce((sum, { busy }) => sum + (busy ?? 0), 0),
      heardAt: toTimestamp(heardAtMs),
      offersInternet: heartbeat.offersInternet ?? false,
      ...drainedAt,
    };
  }
}

function stateOf(heartbeat: Heartbeat, isDrained: boolean): tidepool.v1.HostState {
  if (heartbeat.isDraining === true) return HostState.HOST_STATE_STOPPING;
  if (!isDrained) return HostState.HOST_STATE_READY;
  // Before the host has heard it, it may still be given a VM.
  const isEmpty = heartbeat.isDrained === true && (heartbeat.vmCount ?? 0) === 0;
  return isEmpty ? HostState.HOST_STATE_DRAINED : HostState.HOST_STATE_DRAINING;
}
