/**
 * What one shard asks of the warming pools, by VM config: the sum over its functions, kept up to date as each
 * function's part changes, and the surprises that no forecast covered.
 */
import {
  addDemand,
  advanceResidual,
  createResidual,
  demandNone,
  demandOf,
  noteUncovered,
  removeDemand,
} from "@tidepool/policy";
import type { Demand, FunctionDemand, Residual } from "@tidepool/policy";
import { configKeyOf } from "../ports.ts";
import type { FunctionVersion } from "../ports.ts";

/** Surprises are counted over windows of so long: what a pool needs to be full again. */
export const refillWindowMs = 1_000;
/** A new account begins with so many calm windows: the first burst alone is no upper quantile. */
export const calmWindows = 200;

export interface ContributedDemand {
  readonly configKey: string;
  readonly demand: Demand;
  readonly isPeriodic: boolean;
}

export interface ConfigDemand {
  readonly configKey: string;
  readonly runtime: string;
  readonly memoryMib: number;
  readonly vcpuCount: number;
  readonly demand: Demand;
  readonly residual: Residual;
  readonly periodicCount: number;
}

export class DemandBook {
  private readonly configs = new Map<string, ConfigDemand>();

  /** Puts `part` in the place of what the function contributed before. */
  replace(
    before: ContributedDemand | undefined,
    version: FunctionVersion,
    part: FunctionDemand,
    nowMs: number,
  ): ContributedDemand {
    return this.put(before, version, demandOf(part), part.degree > 0, nowMs);
  }

  /** The same, as it was summed before. */
  put(
    before: ContributedDemand | undefined,
    version: FunctionVersion,
    demand: Demand,
    isPeriodic: boolean,
    nowMs: number,
  ): ContributedDemand {
    const config = this.config(version, nowMs);
    const { configKey } = config;
    const after = { configKey, demand, isPeriodic };
    if (before !== undefined && isSame(before, after)) return before;
    this.remove(before);
    const others = this.configs.get(configKey) ?? config;
    this.configs.set(configKey, {
      ...others,
      demand: addDemand(others.demand, demand),
      periodicCount: others.periodicCount + (isPeriodic ? 1 : 0),
    });
    return after;
  }

  remove(before: ContributedDemand | undefined): void {
    const config = before === undefined ? undefined : this.configs.get(before.configKey);
    if (before === undefined || config === undefined) return;
    this.configs.set(before.configKey, {
      ...config,
      demand: removeDemand(config.demand, before.demand),
      periodicCount: config.periodicCount - (before.isPeriodic ? 1 : 0),
    });
  }

  /** One call for which no VM was waiting: the pool had to give one. */
  noteSurprise(version: FunctionVersion, nowMs: number): void {
    const config = this.config(version, nowMs);
    const residual = noteUncovered(config.residual, nowMs, 1);
    this.configs.set(config.configKey, { ...config, residual });
  }

  entries(nowMs: number): readonly ConfigDemand[] {
    return [...this.configs.values()].map((config) => ({
      ...config,
      residual: advanceResidual(config.residual, nowMs),
    }));
  }

  private config({ runtime, memoryMib, vcpuCount }: FunctionVersion, nowMs: number): ConfigDemand {
    const configKey = configKeyOf({ runtime, memoryMib, vcpuCount });
    return (
      this.configs.get(configKey) ?? {
        configKey,
        runtime,
        memoryMib,
        vcpuCount,
        demand: demandNone,
        residual: createResidual(refillWindowMs, nowMs - calmWindows * refillWindowMs),
        periodicCount: 0,
      }
    );
  }
}

function isSame(a: ContributedDemand, b: ContributedDemand): boolean {
  return (
    a.configKey === b.configKey &&
    a.isPeriodic === b.isPeriodic &&
    a.demand.neededMicro === b.demand.neededMicro &&
    a.demand.uncoveredMicro === b.demand.uncoveredMicro
  );
}
