/**
 * Lets a call in, or says which limit keeps it out and when it is worth trying again.
 *
 *   tenant's concurrency = what its functions have reserved, each its own ┃ the rest, for all others
 *
 * With one frontend every limit is exact. With several each counts its own calls at once and the others' as
 * they are told (countsEveryMs): what comes within that time at several of them may go over a limit.
 */
import { TidepoolError } from "@tidepool/common";
import type { RateLimit } from "../functions/concurrency-settings.ts";
import type { StoredFunction } from "../functions/function-record.ts";
import { CallCounts } from "./call-counts.ts";
import type { CallCount } from "./call-counts.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface TenantLimits {
  readonly concurrencyMax: number;
  readonly rateLimit: RateLimit | undefined;
}

/** Which limit kept a call out; told as the failure's reason. */
export type LimitReason =
  "functionStopped" | "functionRate" | "tenantRate" | "reservedConcurrency" | "tenantConcurrency";

type Called = Pick<StoredFunction, "name" | "tenant"> & {
  readonly settings: Pick<StoredFunction["settings"], "reservedConcurrency" | "rateLimit">;
};

/** Said of concurrency before any call has shown how long they take. */
export const retryAfterDefaultMs = 1_000;
export const retryAfterMinMs = 10;
export const retryAfterMaxMs = 60_000;
/** Functions and tenants whose counts are kept. */
const countsKeptMax = 50_000;

export class Admission {
  readonly counts = new CallCounts();
  private readonly tenantLimits: (tenant: string) => TenantLimits;
  private readonly buckets = new Map<string, TokenBucket>();
  private readonly reserved = new Map<string, number>();

  constructor(tenantLimits: (tenant: string) => TenantLimits) {
    this.tenantLimits = tenantLimits;
  }

  /** To be told of every function, so that what is reserved stays free for it. */
  noteFunction(before: Called | undefined, after: Called | undefined): void {
    this.addReserved(before, -1);
    this.addReserved(after, 1);
  }

  reservedSum(tenant: string): number {
    return this.reserved.get(tenant) ?? 0;
  }

  /**
   * @returns to be called when the call has ended
   * @throws TidepoolError `throttled`
   */
  admit(called: Called, nowMs: number): (endedAtMs: number) => void {
    this.requireRoom(called, nowMs);
    this.takeRate(called, nowMs);
    const keys = keysOf(called);
    for (const key of keys) this.counts.begin(key);
    return (endedAtMs) => {
      for (const key of keys) this.counts.end(key, Math.max(0, endedAtMs - nowMs));
      this.counts.forgetIdle(countsKeptMax);
    };
  }

  /** What another frontend counts. */
  note(frontendId: string, news: readonly CallCount[], nowMs: number): void {
    for (const [key, begun] of this.counts.note(frontendId, news, nowMs)) {
      this.buckets.get(key)?.take(begun);
    }
  }

  private requireRoom(called: Called, nowMs: number): void {
    const { name, tenant, settings } = called;
    const { reservedConcurrency } = settings;
    if (reservedConcurrency === 0) {
      throw throttled("functionStopped", `function '${name}' is stopped: it may run 0 calls`);
    }
    if (reservedConcurrency !== undefined) {
      this.require(
        "reservedConcurrency",
        functionKey(name),
        nowMs,
        reservedConcurrency,
        (count) => {
          return `function '${name}' runs ${calls(count)}, it has reserved ${reservedConcurrency}`;
        },
      );
    }
    const { concurrencyMax } = this.tenantLimits(tenant);
    this.require("tenantConcurrency", tenantKey(tenant), nowMs, concurrencyMax, (count) => {
      return `tenant '${tenant}' runs ${calls(count)}, the limit is ${concurrencyMax}`;
    });
    if (reservedConcurrency !== undefined) return;
    const reservedSum = this.reservedSum(tenant);
    const unreserved = Math.max(0, concurrencyMax - reservedSum);
    this.require("tenantConcurrency", unreservedKey(tenant), nowMs, unreserved, (count) => {
      return `tenant '${tenant}' runs ${calls(count)} of functions that have reserved nothing, the limit is ${unreserved}: ${concurrencyMax} less the ${reservedSum} that are reserved`;
    });
  }

  private require(
    reason: LimitReason,
    key: string,
    nowMs: number,
    limit: number,
    describe: (underWay: number) => string,
  ): void {
    const underWay = this.counts.underWay(key, nowMs);
    if (underWay < limit) return;
    throw throttled(reason, describe(underWay), this.untilOneEndsMs(key, underWay));
  }

  /** An estimate: calls that take as long as they did end so often. */
  private untilOneEndsMs(key: string, underWay: number): number {
    const meanMs = this.counts.meanMs(key);
    if (meanMs === undefined || underWay === 0) return retryAfterDefaultMs;
    const waitMs = Math.ceil(meanMs / underWay);
    return Math.min(retryAfterMaxMs, Math.max(retryAfterMinMs, waitMs));
  }

  /** Takes from both buckets or from none. */
  private takeRate({ name, tenant, settings }: Called, nowMs: number): void {
    const asked = [
      { reason: "functionRate", key: functionKey(name), limit: settings.rateLimit },
      { reason: "tenantRate", key: tenantKey(tenant), limit: this.tenantLimits(tenant).rateLimit },
    ] as const;
    const buckets: TokenBucket[] = [];
    for (const { reason, key, limit } of asked) {
      if (limit === undefined) {
        this.buckets.delete(key);
        continue;
      }
      const bucket = this.buckets.get(key) ?? new TokenBucket(limit, nowMs);
      this.buckets.set(key, bucket);
      const waitMs = bucket.waitMs(limit, nowMs);
      if (waitMs > 0) {
        const whose = reason === "functionRate" ? `function '${name}'` : `tenant '${tenant}'`;
        const { callsPerSecond, burst } = limit;
        throw throttled(
          reason,
          `${whose} may be called ${callsPerSecond} times a second, ${burst} at once`,
          waitMs,
        );
      }
      buckets.push(bucket);
    }
    for (const bucket of buckets) bucket.take(1);
  }

  private addReserved(called: Called | undefined, sign: 1 | -1): void {
    const { tenant, settings } = called ?? {};
    if (tenant === undefined || settings?.reservedConcurrency === undefined) return;
    const sum = this.reservedSum(tenant) + sign * settings.reservedConcurrency;
    this.reserved.set(tenant, sum);
  }
}

const functionKey = (name: string): string => `function.${name}`;
const tenantKey = (tenant: string): string => `tenant.${tenant}`;
const unreservedKey = (tenant: string): string => `unreserved.${tenant}`;

function keysOf({ name, tenant, settings }: Called): string[] {
  const keys = [functionKey(name), tenantKey(tenant)];
  return settings.reservedConcurrency === undefined ? [...keys, unreservedKey(tenant)] : keys;
}

function throttled(reason: LimitReason, message: string, retryAfterMs?: number): TidepoolError {
  return new TidepoolError("throttled", message, {
    component: "frontend",
    reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function calls(count: number): string {
  return `${count} call${count === 1 ? "" : "s"}`;
}
