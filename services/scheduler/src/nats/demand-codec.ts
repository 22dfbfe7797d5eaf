/** Demand and targets on the wire. */
import { TidepoolError } from "@tidepool/common";
import { residualQuantile, residualShare } from "@tidepool/policy";
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import type { Lease } from "../ports.ts";
import { refillWindowMs } from "../shard/demand-book.ts";
import type { ConfigDemand } from "../shard/demand-book.ts";
import type { ConfigTarget, ShardDemand } from "../targets/warming-targets.ts";

export function demandToWire(
  lease: Lease,
  configs: readonly ConfigDemand[],
  tenantUses: ShardDemand["tenantUses"],
  nowMs: number,
): tidepool.internal.v1.ShardDemand.$Properties {
  return {
    ...lease,
    at: toTimestamp(nowMs),
    configs: configs.map(({ runtime, memoryMib, vcpuCount, demand, residual, periodicCount }) => ({
      runtime,
      memoryMib,
      vcpuCount,
      needed: demand.neededMicro / 1e6,
      uncovered: demand.uncoveredMicro / 1e6,
      residual: residualQuantile(residual.bins, residualShare),
      residualBins: [...residual.bins],
      periodicFunctions: periodicCount,
    })),
    tenants: tenantUses.map(({ tenant, vmSeconds }) => ({
      tenant,
      prewarmIdleVmSeconds: vmSeconds,
    })),
  };
}

/** @throws TidepoolError `invalid` */
export function parseDemand(wire: tidepool.internal.v1.ShardDemand.$Properties): ShardDemand {
  const { shard = 0, epoch = 0, configs = [] } = wire;
  if (!epoch) throw new TidepoolError("invalid", `demand of shard ${shard} has no epoch`);
  return {
    shard,
    epoch,
    configs: configs.map((config) => ({
      runtime: config.runtime ?? "",
      memoryMib: config.memoryMib ?? 0,
      vcpuCount: config.vcpuCount || 1,
      demand: {
        neededMicro: Math.round((config.needed ?? 0) * 1e6),
        uncoveredMicro: Math.round((config.uncovered ?? 0) * 1e6),
      },
      residual: {
        windowMs: refillWindowMs,
        startAtMs: 0,
        current: 0,
        bins: config.residualBins ?? [],
      },
      periodicCount: config.periodicFunctions ?? 0,
    })),
    tenantUses: (wire.tenants ?? []).map(({ tenant, prewarmIdleVmSeconds }) => ({
      tenant: tenant ?? "",
      vmSeconds: prewarmIdleVmSeconds ?? 0,
    })),
  };
}

export function targetsToWire(
  epoch: number,
  targets: readonly ConfigTarget[],
  nowMs: number,
): tidepool.internal.v1.WarmingTargets.$Properties {
  return {
    epoch,
    at: toTimestamp(nowMs),
    configs: targets.map(({ periodicCount, hosts, ...target }) => ({
      ...target,
      periodicFunctions: periodicCount,
      hosts: [...hosts],
    })),
  };
}
