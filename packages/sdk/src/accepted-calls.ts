/**
 * Accepted calls, as the client tells of them. Accepting is repeated when the server is unavailable: each call
 * has an id from the start, under which it is accepted once.
 */
import { randomUUID } from "node:crypto";
import { systemClock, TidepoolError } from "@tidepool/common";
import { fromTimestamp, tidepool, tidepoolService } from "@tidepool/proto";
import type { Caller } from "./caller.ts";
import { encodePayload, parseInvokeResult, parseStages, parseStart } from "./parse.ts";
import type { CallLimits } from "./transport.ts";
import type { InvokeResult, Stages, Start } from "./types.ts";

export interface InvokeAsyncOptions extends CallLimits {
  /** Letters, digits, "-" and "_", at most 64; chosen by the client when absent. */
  readonly requestId?: string;
  /** A version or an alias; absent: the active version. */
  readonly qualifier?: string;
  /** While a call of the function with this key is known, none is accepted: its id is the answer. */
  readonly dedupeKey?: string;
  /** Tries after the first; absent: as the function has it. */
  readonly retries?: number;
  /** A call older than that is not begun any more. */
  readonly ageMaxMs?: number;
  /** Not begun before so long from now. */
  readonly delayMs?: number;
}

export interface Acceptance {
  readonly requestId: string;
  /** The id is that of a call that was known before. */
  readonly isDuplicate: boolean;
}

export const acceptedStatuses = [
  "queued",
  "running",
  "retrying",
  "succeeded",
  "failed",
  "expired",
  "cancelled",
] as const;
export type AcceptedStatus = (typeof acceptedStatuses)[number];

export interface AcceptedCall {
  readonly requestId: string;
  readonly functionName: string;
  readonly qualifier: string;
  readonly status: AcceptedStatus;
  /** Begun so far. */
  readonly attempts: number;
  readonly acceptedAtMs: number;
  /** Undefined until it has ended. */
  readonly endedAtMs: number | undefined;
  /** When it is tried next; undefined unless it waits. */
  readonly nextAtMs: number | undefined;
  /** What the handler returned; undefined unless it succeeded, and when it is no JSON. */
  readonly payload: unknown;
  /** The same as it came; empty unless it succeeded. */
  readonly payloadBytes: Uint8Array;
  /** How its last attempt ran. */
  readonly response: Omit<InvokeResult, "payload"> | undefined;
  /** Of its last failed attempt. */
  readonly failure: AttemptFailure | undefined;
  readonly dedupeKey: string;
}

export interface AttemptFailure {
  readonly code: string;
  readonly message: string;
  readonly component: string;
  readonly reason: string;
  readonly thrown:
    { readonly name: string; readonly message: string; readonly stack: string } | undefined;
  readonly start: Start | undefined;
  readonly stages: Stages | undefined;
}

export interface WaitOptions {
  /** Longest to wait; default waitTimeoutDefaultMs. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export const waitTimeoutDefaultMs = 900_000;
/** Between two looks at a call: the first, doubled each time, up to the second. */
const lookFirstMs = 25;
const lookMaxMs = 1_000;

export async function invokeAsync(
  caller: Caller,
  name: string,
  payload: unknown,
  options: InvokeAsyncOptions,
): Promise<Acceptance> {
  const { requestId: given, timeoutMs, signal, ...rest } = options;
  const requestId = given ?? randomUUID();
  const request = { name, payload: encodePayload(payload), requestId, ...rest };
  const answer = await caller.read(
    tidepoolService.invokeAsync,
    request,
    caller.storing({ timeoutMs, signal }),
  );
  const accepted = answer.requestId ?? "";
  // One that was sent again is known by its own id, which nobody else has when it was chosen here.
  const isOwn = given === undefined && accepted === requestId;
  return { requestId: accepted, isDuplicate: (answer.isDuplicate ?? false) && !isOwn };
}

/** @throws TidepoolError `timeout`; what a look at the call fails with, but for a server that is away */
export async function waitForInvocation(
  caller: Caller,
  requestId: string,
  { timeoutMs = waitTimeoutDefaultMs, signal }: WaitOptions,
): Promise<AcceptedCall> {
  const endsAtMs = systemClock.nowMs() + timeoutMs;
  for (let waitMs = lookFirstMs; ; waitMs = Math.min(lookMaxMs, waitMs * 2)) {
    const call = await lookAt(caller, requestId, signal);
    if (call?.endedAtMs !== undefined) return call;
    if (systemClock.nowMs() + waitMs > endsAtMs) {
      const message = `call '${requestId}' has not ended in ${timeoutMs} ms`;
      throw new TidepoolError("timeout", message, { component: "client" });
    }
    await systemClock.sleep(waitMs, signal).catch((cause: unknown) => {
      throw new TidepoolError("cancelled", "the wait was cancelled", {
        cause,
        component: "client",
      });
    });
  }
}

/** Undefined while no server answers. */
async function lookAt(
  caller: Caller,
  requestId: string,
  signal: AbortSignal | undefined,
): Promise<AcceptedCall | undefined> {
  try {
    return parseAcceptedCall(
      await caller.read(tidepoolService.getInvocation, { requestId }, { signal }),
    );
  } catch (thrown) {
    const error = TidepoolError.from(thrown);
    if (error.code !== "unavailable") throw error;
    return undefined;
  }
}

export function parseAcceptedCall(wire: tidepool.v1.Invocation.$Properties): AcceptedCall {
  const payloadBytes = wire.payload ?? new Uint8Array();
  const { payload: _, ...response } = parseInvokeResult({ ...wire.response, payload: nothing });
  return {
    requestId: wire.requestId ?? "",
    functionName: wire.functionName ?? "",
    qualifier: wire.qualifier ?? "",
    status: parseStatus(wire.status),
    attempts: wire.attempts ?? 0,
    acceptedAtMs: fromTimestamp(wire.acceptedAt) ?? 0,
    endedAtMs: fromTimestamp(wire.endedAt),
    nextAtMs: fromTimestamp(wire.nextAt),
    payload: parseStatus(wire.status) === "succeeded" ? jsonOf(payloadBytes) : undefined,
    payloadBytes,
    response: wire.response ? response : undefined,
    failure: wire.failure ? parseAttemptFailure(wire.failure) : undefined,
    dedupeKey: wire.dedupeKey ?? "",
  };
}

const nothing = new Uint8Array();

function parseAttemptFailure(wire: tidepool.v1.Failure.$Properties): AttemptFailure {
  const { thrown } = wire;
  return {
    code: wire.code ?? "",
    message: wire.message ?? "",
    component: wire.component ?? "",
    reason: wire.reason ?? "",
    thrown: thrown
      ? { name: thrown.name ?? "", message: thrown.message ?? "", stack: thrown.stack ?? "" }
      : undefined,
    start: wire.start ? parseStart(wire.start) : undefined,
    stages: wire.stages ? parseStages(wire.stages) : undefined,
  };
}

function jsonOf(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) return null;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}

const statusWires = {
  queued: tidepool.v1.InvocationStatus.INVOCATION_STATUS_QUEUED,
  running: tidepool.v1.InvocationStatus.INVOCATION_STATUS_RUNNING,
  retrying: tidepool.v1.InvocationStatus.INVOCATION_STATUS_RETRYING,
  succeeded: tidepool.v1.InvocationStatus.INVOCATION_STATUS_SUCCEEDED,
  failed: tidepool.v1.InvocationStatus.INVOCATION_STATUS_FAILED,
  expired: tidepool.v1.InvocationStatus.INVOCATION_STATUS_EXPIRED,
  cancelled: tidepool.v1.InvocationStatus.INVOCATION_STATUS_CANCELLED,
} as const satisfies Record<AcceptedStatus, tidepool.v1.InvocationStatus>;

function parseStatus(wire: tidepool.v1.InvocationStatus | null | undefined): AcceptedStatus {
  return acceptedStatuses.find((status) => statusWires[status] === wire) ?? "queued";
}
