/** How long idle VMs stay, and why one goes. Pure. */
import { compare } from "../fleet/choose.ts";
import type { VmView } from "../vm/vm-view.ts";
import type { GoneReason } from "../vm/phases.ts";
import { takeoverMaxMs } from "./deployed.ts";
import type { Standing } from "./deployed.ts";

/** What a shard last said about a function's idle VMs. */
export interface KeepRule {
  readonly epoch: number;
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
  readonly count: number;
  readonly keepUntilMs: number;
}

type Sent = Pick<KeepRule, "epoch" | "sentAtMs">;

export function isNewer(rule: Sent, than: Sent | undefined): boolean {
  if (than === undefined || rule.epoch > than.epoch) return true;
  return rule.epoch === than.epoch && rule.sentAtMs >= than.sentAtMs;
}

/** The idle VMs that stay under a rule: of the wanted version, then the newest one, first, then the one used last. */
export function chooseKept(
  idle: readonly VmView[],
  count: number,
  version: string,
): { readonly kept: readonly VmView[]; readonly released: readonly VmView[] } {
  const ranks = (vm: VmView): readonly number[] => [
    vm.version === version ? 0 : 1,
    -Number(vm.version ?? 0),
    -(vm.idleSinceMs ?? 0),
  ];
  const ranked = [...idle].sort((a, b) => compare(ranks(a), ranks(b)));
  return { kept: ranked.slice(0, count), released: ranked.slice(count) };
}

/**
 * Until when a VM stays that a call has just left: as the shard said while, or after, that call was running;
 * a rule from before the call knew nothing of it, and the function's keep-alive holds.
 */
export function keepAfterCall(options: {
  readonly rule: KeepRule | undefined;
  readonly callStartedAtMs: number;
  /** Other idle VMs of the function. */
  readonly idleCount: number;
  readonly keepAliveMs: number;
  readonly nowMs: number;
}): number {
  const { rule, callStartedAtMs, idleCount, keepAliveMs, nowMs } = options;
  if (rule === undefined || rule.receivedAtMs < callStartedAtMs) return nowMs + keepAliveMs;
  return idleCount < rule.count ? rule.keepUntilMs : nowMs;
}

/** Why an idle VM goes now; undefined when it stays. */
export function releaseReason(
  vm: VmView,
  standing: Standing,
  nowMs: number,
): GoneReason | undefined {
  if (standing.kind === "deleted") return "deleted";
  if (standing.kind === "retired") {
    const untilMs = standing.atMs + takeoverMaxMs;
    if (nowMs >= untilMs && vm.usedAtMs <= untilMs) return "replaced";
  }
  return vm.keepUntilMs <= nowMs ? unusedReason(vm) : undefined;
}

/** Why an idle VM goes that nobody needs any more: a call came, or the forecast window passed without one. */
export const unusedReason = (vm: VmView): GoneReason =>
  vm.callCount > 0 || vm.isForCall ? "used" : "missed";
