/** The warming pools of this host, one per config: made when a config is first seen or targeted. */
import type { Clock, Logger } from "@tidepool/common";
import { targetsShard } from "../assignments/epochs.ts";
import type { Epochs } from "../assignments/epochs.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { VmConfig } from "../hypervisor/hypervisor.ts";
import { configKey, vmConfigOf } from "../hypervisor/vm-config.ts";
import { Pool } from "./pool.ts";
import type { Templates } from "./templates.ts";

/** Target of a config's pool until the scheduler says otherwise. */
export const firstTarget = 1;

export interface ConfigTarget {
  readonly config: VmConfig;
  readonly target: number;
}

export interface PoolsParts {
  readonly fleet: Fleet;
  readonly templates: Templates;
  readonly epochs: Epochs;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Pools {
  private readonly parts: PoolsParts;
  private readonly pools = new Map<string, Pool>();
  private isClosed = false;

  constructor(parts: PoolsParts) {
    this.parts = parts;
  }

  all(): readonly Pool[] {
    return [...this.pools.values()];
  }

  ensure(wanted: VmConfig, target = firstTarget): Pool {
    const config = vmConfigOf(wanted);
    const known = this.pools.get(configKey(config));
    if (known !== undefined) return known;
    const pool = new Pool(config, this.parts);
    this.pools.set(configKey(config), pool);
    pool.setTarget(this.clamp(target));
    return pool;
  }

  /** Targets from the scheduler; those of an older epoch than seen are ignored. */
  setTargets(epoch: number, targets: readonly ConfigTarget[]): void {
    if (!this.parts.epochs.accepts(targetsShard, epoch)) return;
    for (const { config, target } of targets) {
      if (!this.parts.fleet.offers(config)) continue;
      this.ensure(config, target).setTarget(this.clamp(target));
    }
  }

  /** No generic VM waits any more, whatever the targets are. */
  close(): void {
    this.isClosed = true;
    for (const pool of this.pools.values()) pool.setTarget(0);
  }

  /** The targets hold again as soon as they are told; until then each pool has its first one. */
  open(): void {
    if (!this.isClosed) return;
    this.isClosed = false;
    for (const pool of this.pools.values()) pool.setTarget(this.clamp(firstTarget));
  }

  refresh(): void {
    for (const pool of this.pools.values()) pool.refresh();
  }

  stop(): void {
    for (const pool of this.pools.values()) pool.stop();
  }

  private clamp(target: number): number {
    return this.isClosed ? 0 : Math.min(target, this.parts.fleet.limits.vmCountMax);
  }
}
