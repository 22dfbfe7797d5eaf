/** The numbers that a plan is made with: one function's keep-alive, what preparing costs, and the caps. */

export interface PlanPolicy {
  /** How long an idle VM is kept after a call when nothing is known of the next. */
  readonly keepAliveMs: number;
  /** 95th percentile of the time from a pre-warm order to a VM that is ready, as measured. */
  readonly prepareP95Ms: number;
  /** At most so many VMs are pre-warmed for one window. */
  readonly prewarmVmsMax: number;
  /** After so many windows in a row without a call the function is aperiodic again. */
  readonly missesMax: number;
}

export const planPolicyDefault: PlanPolicy = {
  keepAliveMs: 600_000,
  prepareP95Ms: 1_000,
  prewarmVmsMax: 16,
  missesMax: 4,
};
