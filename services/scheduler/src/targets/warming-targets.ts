/**
 * The warming targets of the whole cluster, from what all shards ask and what the hosts can hold. Every
 * scheduler listens, so that whoever owns shard 0 knows at once; only that one publishes.
 */
import {
  addDemand,
  addResiduals,
  demandNone,
  residualQuantile,
  residualShare,
  warmingTarget,
} from "@tidepool/policy";
import type { Demand, Residual, WarmingPolicy } from "@tidepool/policy";
import type { HostTable } from "../hosts/host-table.ts";
import { configKeyOf, internetMark } from "../ports.ts";
import type { VmConfig } from "../ports.ts";
import { splitTarget } from "./split-target.ts";
import type { HostTarget } from "./split-target.ts";

export interface ShardDemand {
  readonly shard: number;
  readonly epoch: number;
  readonly configs: readonly {
    readonly runtime: string;
    readonly memoryMib: number;
    readonly vcpuCount: number;
    readonly demand: Demand;
    readonly residual: Residual;
    readonly periodicCount: number;
  }[];
  /** What pre-warmed VMs have idled within the hour. */
  readonly tenantUses: readonly { readonly tenant: string; readonly vmSeconds: number }[];
}

export interface ConfigTarget extends VmConfig {
  readonly baseTarget: number;
  readonly target: number;
  /** 0 to 1. */
  readonly uncoveredShare: number;
  readonly periodicCount: number;
  readonly hosts: readonly HostTarget[];
}

/** VMs of this config wait from the beginning; those of another once a function asks for it. */
export const configDefault: VmConfig = { runtime: "nodejs20", memoryMib: 128, vcpuCount: 1 };
/** A shard tells its demand again at least so often, changed or not. */
export const demandRefreshMs = 5_000;
/** The demand of a shard that was not heard for so long no longer counts. */
export const demandAgeMaxMs = 3 * demandRefreshMs;

interface Heard {
  readonly demand: ShardDemand;
  readonly heardAtMs: number;
}

interface ConfigSum extends VmConfig {
  demand: Demand;
  periodicCount: number;
  readonly residuals: Residual[];
}

export class WarmingTargets {
  private readonly policy: WarmingPolicy;
  private readonly hosts: HostTable;
  private readonly shards = new Map<number, Heard>();

  constructor(policy: WarmingPolicy, hosts: HostTable) {
    this.policy = policy;
    this.hosts = hosts;
  }

  note(demand: ShardDemand, nowMs: number): void {
    const known = this.shards.get(demand.shard)?.demand;
    if (known !== undefined && known.epoch > demand.epoch) return;
    this.shards.set(demand.shard, { demand, heardAtMs: nowMs });
  }

  /** Shards whose demand is known. */
  heardCount(): number {
    return this.shards.size;
  }

  compute(nowMs: number): readonly ConfigTarget[] {
    const capacities = this.hosts
      .views()
      .filter(({ state }) => state === "ready")
      .map(({ hostId, vmCountMax, offersInternet }) => ({
        hostId,
        weight: vmCountMax,
        offersInternet,
      }));
    const withNetwork = capacities.filter(({ offersInternet }) => offersInternet);
    return [...this.sums(nowMs).values()].map((sum) => {
      const { runtime, memoryMib, vcpuCount, demand, periodicCount, residuals } = sum;
      const policy = this.policyOf(sum);
      const residual = residualQuantile(addResiduals(residuals), residualShare);
      const target = warmingTarget({ demand, residual }, policy);
      return {
        runtime,
        memoryMib,
        vcpuCount,
        baseTarget: policy.base,
        target,
        uncoveredShare: demand.neededMicro === 0 ? 1 : demand.uncoveredMicro / demand.neededMicro,
        periodicCount,
        hosts: splitTarget(target, runtime.endsWith(internetMark) ? withNetwork : capacities),
      };
    });
  }

  /**
   * A config other than the default one has no more VMs waiting than its functions could use at once, and
   * one for the first call of a function that was deployed just now.
   */
  private policyOf(sum: ConfigSum): WarmingPolicy {
    if (configKeyOf(sum) === configKeyOf(configDefault)) return this.policy;
    const { demand } = sum;
    const needed = Math.max(1, Math.ceil(demand.neededMicro / 1e6));
    return {
      base: Math.min(this.policy.base, needed),
      floor: Math.min(this.policy.floor, needed),
      ceiling: this.policy.ceiling,
    };
  }

  private sums(nowMs: number): ReadonlyMap<string, ConfigSum> {
    const sums = new Map<string, ConfigSum>();
    const sumOf = ({ runtime, memoryMib, vcpuCount }: VmConfig): ConfigSum => {
      const config = { runtime, memoryMib, vcpuCount };
      const key = configKeyOf(config);
      let sum = sums.get(key);
      if (sum === undefined) {
        sum = { ...config, demand: demandNone, periodicCount: 0, residuals: [] };
        sums.set(key, sum);
      }
      return sum;
    };
    sumOf(configDefault);
    for (const { pools } of this.hosts.heartbeats()) {
      for (const pool of pools) sumOf(pool);
    }
    for (const [shard, { demand, heardAtMs }] of this.shards) {
      if (nowMs - heardAtMs > demandAgeMaxMs) {
        this.shards.delete(shard);
        continue;
      }
      for (const config of demand.configs) {
        const sum = sumOf(config);
        sum.demand = addDemand(sum.demand, config.demand);
        sum.periodicCount += config.periodicCount;
        if (config.residual.bins.length > 0) sum.residuals.push(config.residual);
      }
    }
    return sums;
  }
}
