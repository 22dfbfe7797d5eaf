/** What a guest's failures are to the caller. */
import { TidepoolError } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";

export interface RuntimeExit {
  readonly exitCode: number;
  readonly signal: number;
  /** The kernel ended it because its memory limit was reached. */
  readonly isOutOfMemory: boolean;
}

/** V8 aborts when its heap limit, a share of the memory limit, is reached, and says so; others may abort too. */
const abortSignal = 6;
const heapExhaustedExitCodes = [133, 134];
const heapExhaustedWords = "out of memory";
/** Of what the runtime printed last, as much as is needed to find V8's words. */
export const lastWordsMaxBytes = 8 * 1024;

/** @param lastWords the end of what the runtime wrote to stderr */
export function runtimeExitError(
  exit: RuntimeExit,
  lastWords: string,
  memoryLimitMib: number,
): TidepoolError {
  const hasAborted = exit.signal === abortSignal || heapExhaustedExitCodes.includes(exit.exitCode);
  if (exit.isOutOfMemory || (hasAborted && lastWords.includes(heapExhaustedWords))) {
    const text = `the function used more than its memory limit of ${String(memoryLimitMib)} MiB`;
    return new TidepoolError("memoryLimit", text, { reason: "memory" });
  }
  const how =
    exit.signal === 0
      ? `exited with code ${String(exit.exitCode)}`
      : `was ended by signal ${String(exit.signal)}`;
  return new TidepoolError("guestCrash", `the function's process ${how}`, {
    component: "guest",
    reason: "processEnded",
  });
}

export function thrownError(
  error: tidepool.guest.v1.FunctionError.$Properties | null | undefined,
  reason: "threw" | "initFailed" = "threw",
): TidepoolError {
  const name = error?.name ?? "Error";
  const message = error?.message ?? "";
  const thrown = { name, message, stack: error?.stack ?? "" };
  return new TidepoolError("functionError", `${name}: ${message}`, { thrown, reason });
}
