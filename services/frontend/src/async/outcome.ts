/** What an attempt that failed comes to, from the error with which the call ended. */
import { given } from "@tidepool/common";
import type { Code, TidepoolError } from "@tidepool/common";
import type { CallFailureDetails } from "../routing/invocation.ts";
import type { Failure } from "./call.ts";
import { endInGuestMs, lostHostWaitMs } from "./limits.ts";
import type { Outcome } from "./next-state.ts";

/** Later it may be different, while nothing has run. */
const passing: readonly Code[] = ["noCapacity", "throttled", "unavailable", "stale", "wrongPhase"];
/** The call, or its function, is such that it cannot run. */
const lasting: readonly Code[] = ["notFound", "invalid", "tooLarge", "alreadyExists"];

export function outcomeOfError(error: TidepoolError): Outcome {
  const { mayHaveStarted = false } = error.details as Partial<CallFailureDetails>;
  const failure = failureOf(error);
  if (mayHaveStarted || !(passing.includes(error.code) || lasting.includes(error.code))) {
    return { kind: "failed", failure, endingMs: endingMsOf(error.code) };
  }
  if (lasting.includes(error.code)) return { kind: "hopeless", failure };
  return { kind: "putOff", failure, retryAfterMs: error.retryAfterMs ?? 0 };
}

function endingMsOf(code: Code): number {
  // The handler had ended, or its whole guest.
  if (code === "functionError" || code === "guestCrash" || code === "memoryLimit") return 0;
  return code === "unavailable" ? lostHostWaitMs : endInGuestMs;
}

function failureOf(error: TidepoolError): Failure {
  const { code, message, component, reason, thrown, retryAfterMs, retryable } = error;
  const { requestId, start, stages } = error.details as Partial<CallFailureDetails>;
  return {
    code,
    message,
    retryable,
    component: component ?? "frontend",
    ...given({ requestId, reason, retryAfterMs, thrown, start, stages }),
  };
}
