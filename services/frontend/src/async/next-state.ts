/**
 * What becomes of an accepted call: whether it may be begun now, and its next state after an attempt. Pure,
 * so that the rules that hold whatever happens can be tested over every order of events:
 *
 * - a claim is given only when there is none, or the one there was has expired;
 * - a call is not begun before its time nor after its age;
 * - an ended call stays as it is;
 * - only attempts that may have run count as failures.
 */
import { fullJitterMs } from "./backoff.ts";
import { hasEnded } from "./call.ts";
import type { AcceptedCall, Failure, Response, StoredResult } from "./call.ts";
import { claimMs, endInGuestMs, retryBaseMs, retryMaxMs, waitBaseMs, waitMaxMs } from "./limits.ts";

export type Step =
  | { readonly kind: "ended" }
  | { readonly kind: "wait"; readonly untilMs: number }
  /** To be written; then it may be begun. */
  | { readonly kind: "claim"; readonly call: AcceptedCall }
  /** To be written: it is too old. */
  | { readonly kind: "end"; readonly call: AcceptedCall };

export type Outcome =
  | { readonly kind: "answered"; readonly response: Response; readonly result: StoredResult }
  /** It ran, or may have, and may be ending in its guest for so long. */
  | { readonly kind: "failed"; readonly failure: Failure; readonly endingMs: number }
  /** It did not run and never will. */
  | { readonly kind: "hopeless"; readonly failure: Failure }
  /** Nothing was run; later it may be. */
  | { readonly kind: "putOff"; readonly failure: Failure; readonly retryAfterMs: number }
  /** Ended by its frontend, which stops. */
  | { readonly kind: "interrupted" };

export function beginStep(call: AcceptedCall, nowMs: number, ownerId: string): Step {
  if (hasEnded(call)) return { kind: "ended" };
  const { claim } = call;
  const claimedUntilMs = call.status === "running" ? (claim?.untilMs ?? 0) : 0;
  const untilMs = Math.max(claimedUntilMs, call.nextAtMs);
  if (claimedUntilMs > nowMs) return { kind: "wait", untilMs };
  if (nowMs >= call.expiresAtMs) return { kind: "end", call: expired(call, nowMs) };
  if (call.nextAtMs > nowMs) return { kind: "wait", untilMs };
  const next: AcceptedCall = {
    ...call,
    status: "running",
    attempts: call.attempts + 1,
    nextAtMs: 0,
    claim: { ownerId, number: (claim?.number ?? 0) + 1, untilMs: nowMs + claimMs },
  };
  return { kind: "claim", call: next };
}

/** The claim goes on for claimMs from now. */
export function renewed(call: AcceptedCall, nowMs: number): AcceptedCall {
  if (call.claim === undefined) return call;
  return { ...call, claim: { ...call.claim, untilMs: nowMs + claimMs } };
}

/** @param random 0 to 1 */
export function afterOutcome(
  call: AcceptedCall,
  outcome: Outcome,
  nowMs: number,
  random: number,
): AcceptedCall {
  switch (outcome.kind) {
    case "answered": {
      const { response, result } = outcome;
      return ended({ ...call, response, result, failure: undefined }, "succeeded", nowMs);
    }
    case "hopeless":
      return ended({ ...call, failure: outcome.failure }, "failed", nowMs);
    case "failed":
      return afterFailure(call, outcome, nowMs, random);
    case "putOff": {
      const jitterMs = fullJitterMs(call.waits, { baseMs: waitBaseMs, maxMs: waitMaxMs }, random);
      const nextAtMs = nowMs + Math.max(outcome.retryAfterMs, jitterMs);
      const { failure } = outcome;
      const attempts = call.attempts - 1;
      return waiting({ ...call, attempts, failure, waits: call.waits + 1 }, nextAtMs);
    }
    case "interrupted":
      return waiting(call, nowMs + endInGuestMs);
  }
}

/** Not for ended calls. */
export function cancelled(call: AcceptedCall, nowMs: number): AcceptedCall {
  return ended(call, "cancelled", nowMs);
}

/** As it is told: one that is too old to be begun is not queued, though nobody has come by to say so. */
export function asTold(call: AcceptedCall, nowMs: number): AcceptedCall {
  const isLate =
    (call.status === "queued" || call.status === "retrying") && nowMs > call.expiresAtMs;
  return isLate ? expired(call, call.expiresAtMs) : call;
}

function needsSettling(call: AcceptedCall): boolean {
  const { status } = call;
  return status === "succeeded"
    ? call.onSuccess !== undefined
    : status === "failed" || status === "expired";
}

function afterFailure(
  call: AcceptedCall,
  { failure, endingMs }: Extract<Outcome, { kind: "failed" }>,
  nowMs: number,
  random: number,
): AcceptedCall {
  const failures = call.failures + 1;
  const failed = { ...call, failure, failures, waits: 0 };
  if (failures > call.retries) return ended(failed, "failed", nowMs);
  const jitterMs = fullJitterMs(failures - 1, { baseMs: retryBaseMs, maxMs: retryMaxMs }, random);
  const nextAtMs = nowMs + Math.max(jitterMs, endingMs);
  return nextAtMs >= call.expiresAtMs ? ended(failed, "failed", nowMs) : waiting(failed, nextAtMs);
}

/** It keeps its claim's number, so that the next claim has a higher one. */
function waiting(call: AcceptedCall, nextAtMs: number): AcceptedCall {
  const status = call.failures > 0 ? "retrying" : "queued";
  return { ...call, status, nextAtMs: Math.min(nextAtMs, call.expiresAtMs) };
}

function expired(call: AcceptedCall, nowMs: number): AcceptedCall {
  return ended(call, call.failures > 0 ? "failed" : "expired", nowMs);
}

function ended(
  call: AcceptedCall,
  status: "succeeded" | "failed" | "expired" | "cancelled",
  nowMs: number,
): AcceptedCall {
  const next: AcceptedCall = { ...call, status, endedAtMs: nowMs, nextAtMs: 0 };
  return { ...next, isSettled: !needsSettling(next) };
}
