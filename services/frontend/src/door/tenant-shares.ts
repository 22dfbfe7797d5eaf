/**
 * What one tenant may take of a frontend beside its functions' calls, which have limits of their own: answers that go
 * on, each of which NATS and this process keep something for, and calls a second. Operators are held to the first only.
 */
import { TidepoolError } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { TokenBucket } from "../admission/token-bucket.ts";
import { openEndsOfTenantMax, requestRate } from "../limits.ts";
import type { Operation, Rule } from "./rules.ts";
import { isOperator } from "./visit.ts";
import type { Caller } from "./visit.ts";

/** Their tenant's and function's limits hold them. */
const invocations: readonly Operation[] = ["Invoke", "InvokeStream"];
const nothing = (): void => undefined;

export class TenantShares {
  private readonly clock: Clock;
  private readonly openCounts = new Map<string, number>();
  /** There are as many as tenants that have tokens. */
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Returns what ends it. @throws TidepoolError `throttled` */
  enter(caller: Caller, operation: Operation, rule: Rule): () => void {
    const { tenant } = caller;
    const isCounted = !isOperator(caller) && !invocations.includes(operation);
    if (isCounted) this.takeOne(tenant);
    return rule.isOpenEnd === true ? this.open(tenant) : nothing;
  }

  private takeOne(tenant: string): void {
    const nowMs = this.clock.nowMs();
    const bucket = this.buckets.get(tenant) ?? new TokenBucket(requestRate, nowMs);
    this.buckets.set(tenant, bucket);
    const retryAfterMs = bucket.waitMs(requestRate, nowMs);
    if (retryAfterMs > 0) {
      throw new TidepoolError(
        "throttled",
        `tenant '${tenant}' asks more often than ${requestRate.callsPerSecond} times a second of this frontend`,
        { component: "frontend", reason: "requestRate", retryAfterMs },
      );
    }
    bucket.take(1);
  }

  private open(tenant: string): () => void {
    const count = this.openCounts.get(tenant) ?? 0;
    if (count >= openEndsOfTenantMax) {
      throw new TidepoolError(
        "throttled",
        `tenant '${tenant}' follows ${count} logs and other streams at this frontend, the limit is ${openEndsOfTenantMax}`,
        { component: "frontend", reason: "openStreams" },
      );
    }
    this.openCounts.set(tenant, count + 1);
    return () => {
      const left = (this.openCounts.get(tenant) ?? 1) - 1;
      if (left > 0) this.openCounts.set(tenant, left);
      else this.openCounts.delete(tenant);
    };
  }
}
