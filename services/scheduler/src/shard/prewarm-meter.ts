/**
 * How much idle time pre-warmed VMs have had within the last hour, for the caps: by shard, and by tenant over
 * all shards. A window counts in full when its VMs are ordered; what a call makes use of is given back. Shards
 * tell each other their sums with their demand, so a tenant's may be some seconds old. A shard that changes
 * its owner begins to count anew.
 */

/** Caps hold for any stretch of this length. */
export const capSpanMs = 3_600_000;
/** The hour moves on in steps of this length. */
const stepMs = 60_000;
/** Of a tenant that set no cap of its own: VMs, 1000 of them, that wait all the time. */
export const tenantPrewarmIdleVmSecondsMaxDefault = 3_600_000;
/** Of one shard: VMs, 100 of them, that wait all the time. */
export const shardPrewarmIdleVmSecondsMaxDefault = 360_000;

export interface CapUse {
  readonly usedVmSeconds: number;
  readonly maxVmSeconds: number;
}

/** A sum over the last hour. */
class HourSum {
  private readonly steps = new Map<number, number>();

  add(amount: number, atMs: number): void {
    const step = Math.floor(atMs / stepMs);
    this.steps.set(step, Math.max(0, (this.steps.get(step) ?? 0) + amount));
  }

  total(nowMs: number): number {
    const oldest = Math.floor((nowMs - capSpanMs) / stepMs);
    let sum = 0;
    for (const [step, amount] of this.steps) {
      if (step <= oldest) this.steps.delete(step);
      else sum += amount;
    }
    return sum;
  }
}

/** Of one shard. */
export class PrewarmMeter {
  private readonly all = new HourSum();
  private readonly byTenant = new Map<string, HourSum>();

  /** Negative amounts give back, at the instant at which they were added. */
  add(tenant: string, vmMs: number, atMs: number): void {
    let own = this.byTenant.get(tenant);
    if (own === undefined) this.byTenant.set(tenant, (own = new HourSum()));
    own.add(vmMs, atMs);
    this.all.add(vmMs, atMs);
  }

  usedVmSeconds(nowMs: number): number {
    return this.all.total(nowMs) / 1_000;
  }

  usedBy(tenant: string, nowMs: number): number {
    return (this.byTenant.get(tenant)?.total(nowMs) ?? 0) / 1_000;
  }

  tenants(nowMs: number): readonly { readonly tenant: string; readonly vmSeconds: number }[] {
    return [...this.byTenant.keys()]
      .map((tenant) => ({ tenant, vmSeconds: this.usedBy(tenant, nowMs) }))
      .filter(({ vmSeconds }) => vmSeconds > 0);
  }
}

/** What the other shards have told, in this process and others. */
export class ToldUses {
  private readonly byShard = new Map<number, { atMs: number; uses: ReadonlyMap<string, number> }>();

  note(
    shard: number,
    uses: readonly { readonly tenant: string; readonly vmSeconds: number }[],
    atMs: number,
  ): void {
    if (uses.length === 0) this.byShard.delete(shard);
    else {
      const byTenant = new Map(uses.map(({ tenant, vmSeconds }) => [tenant, vmSeconds]));
      this.byShard.set(shard, { atMs, uses: byTenant });
    }
  }

  /** Of a tenant, in all shards but `shard`. */
  elsewhere(tenant: string, shard: number, nowMs: number): number {
    let sum = 0;
    for (const [other, { atMs, uses }] of this.byShard) {
      if (other !== shard && nowMs - atMs < capSpanMs) sum += uses.get(tenant) ?? 0;
    }
    return sum;
  }
}
