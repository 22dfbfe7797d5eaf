/** One call as its caller gave it, checked; and what its caller gets. */
import { randomUUID } from "node:crypto";
import { TidepoolError, given, messageOf } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { parseQualifier } from "../functions/qualifier.ts";
import { parseName } from "../functions/settings.ts";
import { payloadMaxBytes } from "../limits.ts";
import type { HostStages } from "../ports.ts";

export interface Invocation {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly requestId: string;
  /** A version or an alias; empty for the active version. */
  readonly qualifier: string;
  /** Of an accepted call: this attempt, which ends with its frontend, since another would begin it again. */
  readonly attemptId?: string;
}

/** Milliseconds; they do not overlap. */
export interface Stages extends HostStages {
  /** All that is no stage of the host. */
  readonly routingMs: number;
}

/** What is known of a failed call beside its error; kept in the error's details. */
export interface CallFailureDetails {
  readonly requestId: string;
  /** The function's code may have begun to run for this call. */
  readonly mayHaveStarted: boolean;
  readonly start?: tidepool.v1.Start;
  readonly stages?: Stages;
  readonly vmId?: string;
  readonly hostId?: string;
}

const nullJson = new TextEncoder().encode("null");

/** @throws TidepoolError `invalid` or `tooLarge`, with the request id in its details */
export function parseInvocation(request: tidepool.v1.InvokeRequest.$Properties): Invocation {
  const given = request.requestId ?? "";
  const isGiven = subjects.isToken(given);
  const tenant = subjects.tenantOf(request.name ?? "");
  const requestId = subjects.ownedBy(tenant, isGiven ? given : randomUUID());
  try {
    if (!isGiven && given !== "") {
      throw new TidepoolError(
        "invalid",
        `request id must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
      );
    }
    const name = parseName(request.name);
    const qualifier = parseQualifier(request.qualifier);
    return { name, requestId, qualifier, payload: parsePayload(request.payload) };
  } catch (error) {
    throw withDetails(error, { requestId, mayHaveStarted: false });
  }
}

/** Adds what is known of the call; what an inner layer knew stays. */
export function withDetails(thrown: unknown, details: CallFailureDetails): TidepoolError {
  const error =
    thrown instanceof TidepoolError
      ? thrown
      : new TidepoolError("internal", "internal error", { cause: thrown });
  return new TidepoolError(error.code, error.message, {
    cause: error.cause,
    details: { ...details, ...error.details },
    ...given({
      thrown: error.thrown,
      component: error.component,
      reason: error.reason,
      retryAfterMs: error.retryAfterMs,
    }),
  });
}

export function parsePayload(payload: Uint8Array | undefined): Uint8Array {
  if (payload === undefined || payload.byteLength === 0) return nullJson;
  if (payload.byteLength > payloadMaxBytes) {
    throw new TidepoolError(
      "tooLarge",
      `payload has ${payload.byteLength} bytes, the limit is ${payloadMaxBytes}`,
      { component: "client", reason: "payloadTooLarge" },
    );
  }
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch (error) {
    throw new TidepoolError("invalid", `payload is not JSON: ${messageOf(error)}`, {
      cause: error,
      component: "client",
      reason: "payloadNotJson",
    });
  }
  return payload;
}
