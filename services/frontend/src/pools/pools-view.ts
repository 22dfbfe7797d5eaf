/** The pools of all hosts as one picture, from the hosts' heartbeats and the scheduler's targets. Pure. */
import { fromTimestamp, toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { hostSilenceMaxMs } from "../limits.ts";

type Heartbeat = tidepool.internal.v1.HostHeartbeat.$Properties;
type Targets = tidepool.internal.v1.WarmingTargets.$Properties;
type Pool = Required<Omit<tidepool.v1.Pool.$Properties, "$unknowns">>;

export class PoolsView {
  private readonly hosts = new Map<string, { heartbeat: Heartbeat; heardAtMs: number }>();
  private targets: Targets = {};

  heartbeat(heartbeat: Heartbeat, nowMs: number): void {
    const hostId = heartbeat.hostId ?? "";
    const known = this.hosts.get(hostId)?.heartbeat;
    if ((fromTimestamp(known?.at) ?? 0) > (fromTimestamp(heartbeat.at) ?? 0)) return;
    this.hosts.set(hostId, { heartbeat, heardAtMs: nowMs });
  }

  warmingTargets(targets: Targets): void {
    if ((fromTimestamp(this.targets.at) ?? 0) <= (fromTimestamp(targets.at) ?? 0)) {
      this.targets = targets;
    }
  }

  snapshot(nowMs: number): tidepool.v1.PoolsSnapshot.$Properties {
    for (const [hostId, { heardAtMs }] of this.hosts) {
      if (nowMs - heardAtMs > hostSilenceMaxMs) this.hosts.delete(hostId);
    }
    const heartbeats = [...this.hosts.values()].map(({ heartbeat }) => heartbeat);
    return {
      at: toTimestamp(nowMs),
      pools: sumPools(heartbeats, this.targets),
      hosts: heartbeats.map(summary).sort((a, b) => (a.hostId < b.hostId ? -1 : 1)),
    };
  }
}

interface Config {
  readonly runtime?: string;
  readonly memoryMib?: number;
  readonly vcpuCount?: number;
}

function sumPools(heartbeats: readonly Heartbeat[], targets: Targets): Pool[] {
  const pools = new Map<string, Pool>();
  const poolOf = ({ runtime, memoryMib, vcpuCount }: Config): Pool => {
    const pool = emptyPool(runtime ?? "", memoryMib ?? 0, vcpuCount || 1);
    const key = `${pool.runtime} ${pool.memoryMib} ${pool.vcpuCount}`;
    const known = pools.get(key);
    if (known !== undefined) return known;
    pools.set(key, pool);
    return pool;
  };
  for (const { pools: own = [] } of heartbeats) {
    for (const seen of own) {
      const pool = poolOf(seen);
      pool.target += seen.target ?? 0;
      pool.provisioned += seen.provisioned ?? 0;
      for (const phase of ["ready", "cloning", "loading", "idle", "busy"] as const) {
        pool[phase] += seen[phase] ?? 0;
        pool.total += seen[phase] ?? 0;
      }
    }
  }
  for (const config of targets.configs ?? []) {
    const pool = poolOf(config);
    pool.target = config.target ?? 0;
    pool.baseTarget = config.baseTarget ?? 0;
    pool.uncoveredShare = config.uncoveredShare ?? 0;
    pool.periodicFunctions = config.periodicFunctions ?? 0;
  }
  return [...pools.values()].sort(
    (a, b) =>
      a.runtime.localeCompare(b.runtime) || a.memoryMib - b.memoryMib || a.vcpuCount - b.vcpuCount,
  );
}

function emptyPool(runtime: string, memoryMib: number, vcpuCount: number): Pool {
  return {
    runtime,
    memoryMib,
    vcpuCount,
    provisioned: 0,
    target: 0,
    baseTarget: 0,
    ready: 0,
    cloning: 0,
    loading: 0,
    idle: 0,
    busy: 0,
    total: 0,
    periodicFunctions: 0,
    uncoveredShare: 1,
  };
}

function summary(heartbeat: Heartbeat): {
  hostId: string;
} & tidepool.v1.HostSummary.$Properties {
  const { hypervisor, accelerator, memoryMib, memoryUsedMib, vmCount, vmCountMax } = heartbeat;
  return {
    hostId: heartbeat.hostId ?? "",
    hypervisor: hypervisor ?? "",
    accelerator: accelerator ?? "",
    memoryMib: memoryMib ?? 0,
    memoryUsedMib: memoryUsedMib ?? 0,
    vmCount: vmCount ?? 0,
    vmCountMax: vmCountMax ?? 0,
  };
}
