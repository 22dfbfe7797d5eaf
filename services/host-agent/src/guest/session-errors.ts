/** What a guest's failures are to the caller. */
import { TidepoolError } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";

export interface RuntimeExit {
  readonly exitCode: number;
  readonly signal: number;
  /** The kernel ended it because its memory limit was reached. */
  readonly isOutOfMemory: boolean;
}

/** V8 aborts when its heap limit, a share of the memory limit, is reached. */
const abortSignal = 6;
const heapExhaustedExitCodes = [133, 134];

export function runtimeExitError(exit: RuntimeExit): TidepoolError {
  const isHeapExhausted =
    exit.signal === abortSignal || heapExhaustedExitCodes.includes(exit.exitCode);
  if (exit.isOutOfMemory || isHeapExhausted) {
    const text = "the function used more memory than its limit and was ended";
    return new TidepoolError("memoryLimit", text);
  }
  const how =
    exit.signal === 0
      ? `exited with code ${String(exit.exitCode)}`
      : `was ended by signal ${String(exit.signal)}`;
  return new TidepoolError("guestCrash", `the function's process ${how}`);
}

export function thrownError(
  error: tidepool.guest.v1.FunctionError.$Properties | null | undefined,
): TidepoolError {
  const name = error?.name ?? "Error";
  const message = error?.message ?? "";
  const thrown = { name, message, stack: error?.stack ?? "" };
  return new TidepoolError("functionError", `${name}: ${message}`, { thrown });
}
