/** The numbers that a plan is made with: one function's keep-alive, what preparing costs, and the caps. */

export interface PlanPolicy {
  /** How long an idle VM is kept after a call when nothing is known of the next. */
  readonly keepAliveMs: number;
  /** 95th percentile of the time from a pre-warm order to a VM that is ready, as measured. */
  readonly prepareP95Ms: number;
  /** At most so many VMs are pre-warmed for one window. */
  readonly prewarmVmsMax: number;
  /** At most so much idle VM time is risked on one window, over all its VMs. */
  readonly prewarmIdleMaxVmMs: number;
  /** Idle time may exceed that of the fixed keep-alive by this factor, and no more. */
  readonly idleFactorMax: number;
  /** What one cold start is worth, in idle VM time: preparing must not be expected to cost more. */
  readonly coldStartCostVmMs: number;
  /** After so many windows in a row without a call the function is aperiodic again. */
  readonly missesMax: number;
  /** Slots of the learned forecast; a tenth of the keep-alive where absent. */
  readonly slotMs?: number;
}

export const planPolicyDefault: PlanPolicy = {
  keepAliveMs: 600_000,
  prepareP95Ms: 1_000,
  prewarmVmsMax: 16,
  prewarmIdleMaxVmMs: 3_600_000,
  idleFactorMax: 1.1,
  coldStartCostVmMs: 1_200_000,
  missesMax: 4,
};

/** A VM is ready so long before the window and kept so long after it; also the pause before a release. */
export function marginMs(policy: PlanPolicy): number {
  return Math.min(5_000, Math.max(250, policy.keepAliveMs / 600));
}

/** From the order of a pre-warm to the begin of its window. */
export function leadMs(policy: PlanPolicy): number {
  return policy.prepareP95Ms + marginMs(policy);
}
