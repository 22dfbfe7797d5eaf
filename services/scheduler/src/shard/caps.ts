/** Caps on the idle time of pre-warmed VMs: over one, nothing is ordered, and the fixed keep-alive takes over. */
import type { Decision, Prewarm } from "@tidepool/policy";
import type { FunctionVersion } from "../ports.ts";
import type { FunctionState, PreparedWindow } from "./function-state.ts";
import { PrewarmMeter, tenantPrewarmIdleVmSecondsMaxDefault } from "./prewarm-meter.ts";
import type { CapUse } from "./prewarm-meter.ts";
import type { ShardWorld } from "./world.ts";

type CapsWorld = Pick<ShardWorld, "tenantOf" | "toldUses" | "shardPrewarmIdleVmSecondsMax">;

export interface CappedDecision {
  readonly decision: Decision;
  /** Why nothing may be ordered, in words. */
  readonly refusal: string | undefined;
}

export class Caps {
  private readonly world: CapsWorld;
  private readonly shard: number;
  private readonly meter = new PrewarmMeter();

  constructor(world: CapsWorld, shard: number) {
    this.world = world;
    this.shard = shard;
  }

  apply(tenant: string, decision: Decision, keepAliveMs: number, nowMs: number): CappedDecision {
    const { prewarm } = decision;
    const refusal =
      prewarm === undefined ? undefined : this.refusal(tenant, idleVmMs(prewarm) / 1_000, nowMs);
    if (prewarm === undefined || refusal === undefined) return { decision, refusal };
    const capped = {
      ...decision,
      prewarm: undefined,
      keepUntilMs: Math.max(decision.keepUntilMs, nowMs + keepAliveMs),
      // There may be room by then.
      nextWakeAtMs: prewarm.startAtMs > nowMs ? prewarm.startAtMs : decision.nextWakeAtMs,
    };
    return { decision: capped, refusal };
  }

  take({ tenant }: FunctionVersion, prewarm: Prewarm, nowMs: number): void {
    this.meter.add(tenant, idleVmMs(prewarm), nowMs);
  }

  /** One of its VMs was used: it does not idle for the rest. */
  giveBack({ tenant }: FunctionVersion, prepared: PreparedWindow, usedAtMs: number): void {
    const leftMs = prepared.releaseAtMs - Math.max(usedAtMs, prepared.readyByMs);
    this.meter.add(tenant, -Math.max(0, leftMs), prepared.orderedAtMs);
  }

  /** A call in a prepared window uses one of its VMs; what comes beyond its count takes the ordinary path. */
  noteUse(
    { prepared, latestPrepared }: Pick<FunctionState, "prepared" | "latestPrepared">,
    version: FunctionVersion | undefined,
    atMs: number,
  ): void {
    const met = prepared ?? latestPrepared;
    if (met === undefined || atMs < met.readyByMs || atMs > met.releaseAtMs) return;
    met.usedCount += 1;
    const isOneOfIts = !met.isShadow && met.usedCount <= met.window.count;
    if (isOneOfIts && version !== undefined) this.giveBack(version, met, atMs);
  }

  ofTenant(tenant: string, nowMs: number): CapUse {
    const elsewhere = this.world.toldUses.elsewhere(tenant, this.shard, nowMs);
    const { prewarmIdleVmSecondsMax } = this.world.tenantOf(tenant);
    return {
      usedVmSeconds: this.meter.usedBy(tenant, nowMs) + elsewhere,
      maxVmSeconds: prewarmIdleVmSecondsMax ?? tenantPrewarmIdleVmSecondsMaxDefault,
    };
  }

  ofShard(nowMs: number): CapUse {
    return {
      usedVmSeconds: this.meter.usedVmSeconds(nowMs),
      maxVmSeconds: this.world.shardPrewarmIdleVmSecondsMax,
    };
  }

  tenantUses(nowMs: number): ReturnType<PrewarmMeter["tenants"]> {
    return this.meter.tenants(nowMs);
  }

  private refusal(tenant: string, vmSeconds: number, nowMs: number): string | undefined {
    const ofShard = this.ofShard(nowMs);
    const ofTenant = this.ofTenant(tenant, nowMs);
    if (isOver(ofTenant, vmSeconds)) return words(`tenant ${tenant}`, ofTenant, vmSeconds);
    if (isOver(ofShard, vmSeconds)) return words(`shard ${this.shard}`, ofShard, vmSeconds);
    return undefined;
  }
}

function isOver({ usedVmSeconds, maxVmSeconds }: CapUse, vmSeconds: number): boolean {
  return usedVmSeconds + vmSeconds > maxVmSeconds;
}

function words(whose: string, { usedVmSeconds, maxVmSeconds }: CapUse, vmSeconds: number): string {
  const round = (value: number): string => String(Math.round(value * 10) / 10);
  return `pre-warmed VMs of ${whose} have idled ${round(usedVmSeconds)} of at most ${round(maxVmSeconds)} VM-seconds within the hour, and this needs ${round(vmSeconds)}`;
}

function idleVmMs({ count, readyByMs, releaseAtMs }: Prewarm): number {
  return count * (releaseAtMs - readyByMs);
}
