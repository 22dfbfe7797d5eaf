/** A scheduler that says nothing: its own failure, whoever finds it first, the request or the call's end. */
import { TidepoolError } from "@tidepool/common";

/** @param what was asked for: "a VM for 'f'" */
export function schedulerSilent(what: string, timeoutMs: number, cause: unknown): TidepoolError {
  const waitedMs = Math.round(timeoutMs);
  return new TidepoolError(
    "unavailable",
    `the scheduler did not answer in ${waitedMs} ms when asked for ${what}: it or NATS may be away`,
    { cause, component: "scheduler", reason: "schedulerSilent" },
  );
}
