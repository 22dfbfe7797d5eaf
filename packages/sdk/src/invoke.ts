/**
 * A call that is waited for. Each sending has a request id of its own, chosen here where the caller named none, so
 * that a call which nobody answered in time can be asked after: in logs, and by `explainCall`.
 */
import { randomUUID } from "node:crypto";
import { systemClock } from "@tidepool/common";
import { tidepoolService } from "@tidepool/proto";
import { callDetails, withRequestId } from "./call-error.ts";
import type { Caller } from "./caller.ts";
import { encodePayload, parseInvokeResult } from "./parse.ts";
import type { CallLimits } from "./transport.ts";
import type { InvokeResult } from "./types.ts";

export interface InvokeOptions extends CallLimits {
  /** Letters, digits, "-" and "_", at most 64; a random one when absent. */
  readonly requestId?: string;
  /** Times that the call is sent, at most, where that is safe; 1: what fails is not sent again. */
  readonly attemptsMax?: number;
  /** A version or an alias; absent: the active version. */
  readonly qualifier?: string;
}

export async function invoke(
  caller: Caller,
  name: string,
  payload: unknown,
  options: InvokeOptions,
): Promise<InvokeResult> {
  const { qualifier = "", signal, timeoutMs, attemptsMax: sendsMax } = options;
  const encoded = encodePayload(payload);
  const endsAtMs = systemClock.nowMs() + (timeoutMs ?? Infinity);
  return caller.repeat(
    async () => {
      const leftMs = endsAtMs - systemClock.nowMs();
      const limits = { signal, timeoutMs: Number.isFinite(leftMs) ? leftMs : undefined };
      const requestId = options.requestId || randomUUID();
      const request = { name, payload: encoded, requestId, qualifier };
      try {
        return parseInvokeResult(
          await caller.transport.unary(tidepoolService.invoke, request, limits),
        );
      } catch (error) {
        throw withRequestId(error, requestId);
      }
    },
    (error, waitMs) => callDetails(error).maySendAgain && systemClock.nowMs() + waitMs < endsAtMs,
    signal,
    sendsMax,
  );
}
