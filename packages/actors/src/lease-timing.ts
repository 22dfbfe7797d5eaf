/** How long leases, and the members that hold them, live unheard. */
import type { MembershipTiming } from "./membership.ts";

export interface LeaseTiming extends MembershipTiming {
  readonly renewEveryMs: number;
  /** Longest that draining may hold up giving a shard back. */
  readonly drainMaxMs: number;
}

export const leaseTimingDefault: LeaseTiming = {
  renewEveryMs: 1_000,
  memberTtlMs: 4_000,
  fenceMarginMs: 1_000,
  electionMaxMs: 12_000,
  drainMaxMs: 2_000,
};

const clockSkewMaxMs = 5_000;

/** A member's key of this age by the server's clock was left by one that is dead. */
export function leftBehindAfterMs(
  { memberTtlMs, electionMaxMs }: LeaseTiming,
  witnessIds: readonly string[],
): number {
  return memberTtlMs + (witnessIds.length > 0 ? electionMaxMs : 0) + clockSkewMaxMs;
}
