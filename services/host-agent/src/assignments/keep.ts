/** How long idle VMs stay, and why one goes. Pure. */
import { compare } from "../fleet/choose.ts";
import type { VmView } from "../vm/vm-view.ts";
import type { GoneReason } from "../vm/phases.ts";

/** What a shard last said about a function's idle VMs. */
export interface KeepRule {
  readonly epoch: number;
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
  readonly count: number;
  readonly keepUntilMs: number;
}

export function isNewer(rule: KeepRule, than: KeepRule | undefined): boolean {
  if (than === undefined || rule.epoch > than.epoch) return true;
  return rule.epoch === than.epoch && rule.sentAtMs >= than.sentAtMs;
}

/** The idle VMs that stay under a rule: newest version first, then the one used last. */
export function chooseKept(
  idle: readonly VmView[],
  count: number,
): { readonly kept: readonly VmView[]; readonly released: readonly VmView[] } {
  const ranked = [...idle].sort((a, b) =>
    compare(
      [-Number(a.version ?? 0), -(a.idleSinceMs ?? 0)],
      [-Number(b.version ?? 0), -(b.idleSinceMs ?? 0)],
    ),
  );
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

/** In place of a version: the function was deleted. */
export const none = "";

/** Why an idle VM goes now; undefined when it stays. `deployed` is undefined when nothing is known of it. */
export function releaseReason(
  vm: VmView,
  deployed: string | undefined,
  nowMs: number,
): GoneReason | undefined {
  if (deployed === none) return "deleted";
  if (deployed !== undefined && Number(vm.version) < Number(deployed)) return "replaced";
  return vm.keepUntilMs <= nowMs ? unusedReason(vm) : undefined;
}

/** Why an idle VM goes that nobody needs any more: a call came, or the forecast window passed without one. */
export const unusedReason = (vm: VmView): GoneReason =>
  vm.callCount > 0 || vm.isForCall ? "used" : "missed";
