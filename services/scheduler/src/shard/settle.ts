/** A plan made at a call may wait until the hosts have told what the call has left behind. */
import type { PlanPolicy, Prewarm } from "@tidepool/policy";

/** A host tells of a VM that became idle within this time; a plan made at the call waits so long for it. */
export const settleMs = 200;

/** Whether the hosts can tell first what the call left behind, and the pre-warm still be in time. */
export function canSettle(prewarm: Prewarm, policy: PlanPolicy, nowMs: number): boolean {
  return prewarm.orderCount > 0 && prewarm.readyByMs - policy.prepareP95Ms - settleMs > nowMs;
}
