/**
 * What one function asks of the generic pool: how many VMs its calls need at once, and how much of that a
 * forecast covers. A function that was not called lately asks for nothing: it is a stranger again.
 */
import type { FunctionDemand } from "../warming/index.ts";
import { activeUntilMs, usualCount } from "./activity.ts";
import { decide, type Decision } from "./decide.ts";
import { exactForecast } from "./expect.ts";
import type { PlanPolicy } from "./policy.ts";
import type { FunctionRecord } from "./record.ts";

/** @param decided for this record at this instant, where it is known already */
export function functionDemand(
  record: FunctionRecord,
  policy: PlanPolicy,
  nowMs: number,
  decided?: Pick<Decision, "isUnprepared" | "forecast">,
): FunctionDemand {
  const expected = decided?.forecast ?? exactForecast(record, nowMs, policy);
  if (expected !== undefined) {
    const { degree, coverage } = expected;
    const count = Math.min(policy.prewarmVmsMax, expected.count.upper);
    // No VM will wait for these calls: the generic pool is all that they have.
    const { isUnprepared } =
      decided?.forecast === undefined ? decide(record, policy, { idleVmCount: 0 }, nowMs) : decided;
    return isUnprepared === true ? { count, degree: 0, coverage: 0 } : { count, degree, coverage };
  }
  const isActive = nowMs < activeUntilMs(record, policy);
  return { count: isActive ? usualCount(record, policy) : 0, degree: 0, coverage: 0 };
}
