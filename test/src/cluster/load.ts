/**
 * Calls at a steady rate to every frontend of a cluster, waited for and accepted ones, and what became of them.
 * A failure is told with its code; one of a call that was inside a killed process is not told apart here.
 */
import { systemClock, TidepoolError } from "@tidepool/common";
import { seededRandom } from "@tidepool/policy";
import type { TidepoolClient } from "@tidepool/sdk";

export interface LoadOptions {
  readonly client: TidepoolClient;
  readonly callsPerSecond: number;
  /** Of them, accepted ones. */
  readonly asyncShare: number;
  readonly functions: readonly string[];
  readonly signal: AbortSignal;
}

export interface FailedCall {
  readonly atMs: number;
  readonly endedAtMs: number;
  readonly code: string;
  readonly component: string | undefined;
  readonly reason: string | undefined;
  readonly isRetryable: boolean;
  readonly message: string;
}

export interface LoadResult {
  readonly syncCount: number;
  readonly acceptedIds: readonly string[];
  readonly failures: readonly FailedCall[];
  readonly refusals: readonly FailedCall[];
  /** Milliseconds, sorted. */
  readonly latenciesMs: readonly number[];
  /** Of the answered and the accepted ones, those that waited long enough for that to be noticed. */
  readonly slow: readonly SlowCall[];
}

export interface SlowCall {
  readonly atMs: number;
  readonly endedAtMs: number;
}

/** Who waits for an answer notices that. */
export const slowMs = 1_000;

const callTimeoutMs = 30_000;
const loadSeed = 1;

/** Runs until the signal aborts, then waits for what is under way. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { client, callsPerSecond, asyncShare, functions, signal } = options;
  const failures: FailedCall[] = [];
  const refusals: FailedCall[] = [];
  const latenciesMs: number[] = [];
  const slow: SlowCall[] = [];
  const acceptedIds: string[] = [];
  const underWay = new Set<Promise<void>>();
  let syncCount = 0;
  let count = 0;
  const startedAtMs = systemClock.nowMs();
  // Drawn: clients take frontends in turn, and a pattern of calls would bring all of one kind to the same.
  const random = seededRandom(loadSeed);
  const noteSlow = (atMs: number): number => {
    const endedAtMs = systemClock.nowMs();
    if (endedAtMs - atMs >= slowMs) slow.push({ atMs, endedAtMs });
    return endedAtMs;
  };

  const sync = async (name: string, payload: number): Promise<void> => {
    const atMs = systemClock.nowMs();
    syncCount += 1;
    try {
      const answer = await client.invoke(name, payload, { timeoutMs: callTimeoutMs });
      if (answer.payload !== payload) throw new Error(`answered ${String(answer.payload)}`);
      latenciesMs.push(noteSlow(atMs) - atMs);
    } catch (error) {
      failures.push(failureOf(error, atMs));
    }
  };
  const accepted = async (name: string, payload: number): Promise<void> => {
    const atMs = systemClock.nowMs();
    try {
      const dedupeKey = `load-${startedAtMs}-${payload}`;
      const { requestId } = await again(() => client.invokeAsync(name, payload, { dedupeKey }));
      acceptedIds.push(requestId);
      noteSlow(atMs);
    } catch (error) {
      refusals.push(failureOf(error, atMs));
    }
  };

  while (!signal.aborted) {
    const dueAtMs = startedAtMs + (count * 1_000) / callsPerSecond;
    await systemClock.sleep(Math.max(0, dueAtMs - systemClock.nowMs()), signal).catch(() => {});
    if (signal.aborted) break;
    const name = functions[Math.floor(random() * functions.length)] ?? "";
    const isAsync = random() < asyncShare;
    const call = (isAsync ? accepted : sync)(name, count).finally(() => underWay.delete(call));
    underWay.add(call);
    count += 1;
  }
  await Promise.all(underWay);
  latenciesMs.sort((a, b) => a - b);
  return { syncCount, acceptedIds, failures, refusals, latenciesMs, slow };
}

const acceptTries = 8;
const acceptWaitMs = 500;

/** For what is safe to ask again when no answer came, as accepting with a key is. */
export async function again<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      if (attempt >= acceptTries) throw error;
      await systemClock.sleep(acceptWaitMs);
    }
  }
}

export function failureOf(thrown: unknown, atMs: number): FailedCall {
  const { code, component, reason, retryable, message } = TidepoolError.from(thrown);
  const endedAtMs = systemClock.nowMs();
  return { atMs, endedAtMs, code, component, reason, isRetryable: retryable, message };
}
