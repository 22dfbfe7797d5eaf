/**
 * gRPC failures as TidepoolError. The server's own failures carry a tidepool.v1.Failure; what the transport
 * reports by itself (no connection, a deadline that passed here) has only a status.
 */
import { status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { TidepoolError, failureFromWire, given } from "@tidepool/common";
import type { Code } from "@tidepool/common";
import { statusCodec, tidepool } from "@tidepool/proto";
import { parseStages, parseStart } from "./parse.ts";
import type { Stages, Start } from "./types.ts";

/** What is known of a failed call beside its error. */
export interface CallDetails {
  readonly requestId: string | undefined;
  /** Set when the invocation had started. */
  readonly start: Start | undefined;
  readonly stages: Stages | undefined;
  /** The server says that nothing was started and that the same call may succeed later. */
  readonly maySendAgain: boolean;
}

const trailer = "grpc-status-details-bin";
const failureType = "/tidepool.v1.Failure";

/** The details of an error that a client's method threw. */
export function callDetails(error: TidepoolError): CallDetails {
  const { requestId, start, stages, maySendAgain } = error.details as Partial<CallDetails>;
  return { requestId, start, stages, maySendAgain: maySendAgain === true };
}

export function callError(thrown: unknown, address: string): TidepoolError {
  if (thrown instanceof TidepoolError || !isServiceError(thrown)) return TidepoolError.from(thrown);
  const failure = failureIn(thrown);
  if (failure === undefined) return transportError(thrown, address);
  const { code, message, thrown: threw, ...rest } = failureFromWire(failure);
  const { component, reason, retryAfterMs } = rest;
  const details: CallDetails = {
    requestId: failure.requestId || undefined,
    start: failure.start ? parseStart(failure.start) : undefined,
    stages: failure.stages ? parseStages(failure.stages) : undefined,
    maySendAgain: failure.retryable ?? false,
  };
  return new TidepoolError(code, message, {
    cause: thrown,
    details: { ...details },
    ...given({ thrown: threw, component, reason, retryAfterMs }),
  });
}

/** What the transport reports by itself names no call: it is the one that was sent. */
export function withRequestId(thrown: unknown, requestId: string): TidepoolError {
  const error = TidepoolError.from(thrown);
  if (callDetails(error).requestId !== undefined) return error;
  const { code, message, ...rest } = error.toFailure();
  const details = { ...error.details, requestId };
  return new TidepoolError(code, message, { ...rest, cause: error.cause, details });
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "number";
}

function failureIn(error: ServiceError): tidepool.v1.Failure.$Properties | undefined {
  const [bytes] = error.metadata?.get(trailer) ?? [];
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    const { details } = statusCodec.decode(bytes);
    const found = details.find(({ type_url: type }) => type?.endsWith(failureType));
    return found?.value ? tidepool.v1.Failure.decode(found.value) : undefined;
  } catch {
    return undefined; // another server's idea of details: the status alone counts
  }
}

function transportError(error: ServiceError, address: string): TidepoolError {
  const code = transportCodes[error.code] ?? "internal";
  const message = transportMessage(code, error.details, address);
  const reason = code === "timeout" ? { reason: "callDeadline" } : {};
  return new TidepoolError(code, message, { cause: error, component: "client", ...reason });
}

function transportMessage(code: Code, details: string, address: string): string {
  if (code === "unavailable") return `no answer from ${address}: ${details}`;
  if (code === "timeout") return `no answer from ${address} within the time that the call had`;
  const sizes = code === "tooLarge" ? /\((\d+) vs\.? (\d+)\)/.exec(details) : null;
  return sizes === null ? details : `message has ${sizes[1]} bytes, the limit is ${sizes[2]}`;
}

const transportCodes: Partial<Record<status, Code>> = {
  [status.CANCELLED]: "cancelled",
  [status.INVALID_ARGUMENT]: "invalid",
  [status.DEADLINE_EXCEEDED]: "timeout",
  [status.NOT_FOUND]: "notFound",
  [status.RESOURCE_EXHAUSTED]: "tooLarge",
  [status.UNAVAILABLE]: "unavailable",
  [status.UNAUTHENTICATED]: "unauthenticated",
  [status.PERMISSION_DENIED]: "forbidden",
};
