/** What functions used. */
import { fromTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";

export interface UsageOptions {
  /** Absent: of all functions. */
  readonly name?: string;
  /** Go on with each new record, until the signal aborts. */
  readonly follow?: boolean;
  /** Only records that end after it; absent: all that are kept. */
  readonly fromMs?: number;
  readonly signal?: AbortSignal;
}

/** What one function version used in one minute on one host or frontend; sums of records are the use. */
export interface UsageRecord {
  readonly id: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly tenant: string;
  readonly functionName: string;
  readonly version: string;
  readonly calls: number;
  readonly failedCalls: number;
  readonly throttledCalls: number;
  /** Memory by running time, charged to the caller. */
  readonly gbSeconds: number;
  /** Memory by time that VMs waited or loaded code, charged to the platform. */
  readonly idleGbSeconds: number;
  /** "frontend" or "host", and its id. */
  readonly source: string;
}

export function parseUsage(wire: tidepool.v1.UsageRecord.$Properties): UsageRecord {
  return {
    id: wire.id ?? "",
    fromMs: fromTimestamp(wire.fromAt) ?? 0,
    toMs: fromTimestamp(wire.toAt) ?? 0,
    tenant: wire.tenant ?? "",
    functionName: wire.functionName ?? "",
    version: wire.version ?? "",
    calls: wire.calls ?? 0,
    failedCalls: wire.failedCalls ?? 0,
    throttledCalls: wire.throttledCalls ?? 0,
    gbSeconds: wire.gbSeconds ?? 0,
    idleGbSeconds: wire.idleGbSeconds ?? 0,
    source: wire.source ?? "",
  };
}
