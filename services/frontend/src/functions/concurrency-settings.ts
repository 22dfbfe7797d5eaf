/** How many calls may run at once, how many may come a second, and how many VMs wait whatever is forecast. */
import { cronProblem } from "@tidepool/schedules";
import type { tidepool } from "@tidepool/proto";
import {
  burstMaxCount,
  concurrencyMax,
  provisionedMaxCount,
  provisionedMaxMs,
  provisionedMinMs,
  provisionedWindowsMax,
  rateMaxPerSecond,
  rateMinPerSecond,
} from "../limits.ts";

export interface RateLimit {
  readonly callsPerSecond: number;
  /** Calls that may come at once after a pause. */
  readonly burst: number;
}

/** VMs with the code loaded, always or in windows that a clock opens. */
export interface Provisioned {
  readonly count: number;
  /** When it begins; empty: always. */
  readonly fromCron: string;
  readonly durationMs: number;
  /** IANA name. */
  readonly timeZone: string;
}

type Absent = null | undefined;

/** A rate without a burst takes one second's calls at once. */
export function parseRateLimit(
  given: tidepool.v1.RateLimit.$Properties | Absent,
): RateLimit | undefined {
  if (given === null || given === undefined) return undefined;
  const callsPerSecond = given.callsPerSecond ?? 0;
  return { callsPerSecond, burst: given.burst || Math.max(1, Math.ceil(callsPerSecond)) };
}

export function rateLimitProblems(limit: RateLimit | undefined): string[] {
  if (limit === undefined) return [];
  const { callsPerSecond, burst } = limit;
  const problems: string[] = [];
  if (!(callsPerSecond >= rateMinPerSecond && callsPerSecond <= rateMaxPerSecond)) {
    problems.push(
      `rate limit of ${callsPerSecond} calls a second must be ${rateMinPerSecond} to ${rateMaxPerSecond}`,
    );
  }
  if (burst > burstMaxCount) {
    problems.push(`burst of ${burst} calls must be at most ${burstMaxCount}`);
  }
  return problems;
}

/** @param whose "reserved", "tenant's" */
export function concurrencyProblems(whose: string, count: number | undefined): string[] {
  if (count === undefined || count <= concurrencyMax) return [];
  return [`${whose} concurrency of ${count} must be at most ${concurrencyMax}`];
}

export function parseProvisioned(
  given: readonly tidepool.v1.ProvisionedConcurrency.$Properties[] | Absent,
): readonly Provisioned[] {
  return (given ?? []).map(({ count, fromCron, durationMs, timeZone }) => ({
    count: count ?? 0,
    fromCron: fromCron ?? "",
    durationMs: durationMs ?? 0,
    timeZone: timeZone || "UTC",
  }));
}

export function provisionedProblems(windows: readonly Provisioned[]): string[] {
  const problems = windows.flatMap(windowProblems);
  if (windows.length > provisionedWindowsMax) {
    problems.push(
      `provisioned concurrency has ${windows.length} windows, the limit is ${provisionedWindowsMax}`,
    );
  }
  return problems;
}

function windowProblems({ count, fromCron, durationMs, timeZone }: Provisioned): string[] {
  const problems: string[] = [];
  if (count < 1 || count > provisionedMaxCount) {
    problems.push(`provisioned concurrency of ${count} must be 1 to ${provisionedMaxCount}`);
  }
  if (fromCron === "") {
    if (durationMs !== 0) {
      problems.push("provisioned concurrency with a duration must say when it begins");
    }
    return problems;
  }
  const problem = cronProblem({ cron: fromCron, timeZone });
  if (problem !== undefined) problems.push(`provisioned concurrency: ${problem}`);
  if (!(durationMs >= provisionedMinMs && durationMs <= provisionedMaxMs)) {
    problems.push(
      `provisioned concurrency for ${durationMs} ms must be for ${provisionedMinMs} to ${provisionedMaxMs} ms`,
    );
  }
  return problems;
}
