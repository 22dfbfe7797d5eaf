/**
 * Failures as gRPC statuses, with the standard google.rpc.Status in the trailer that holds one
 * tidepool.v1.Failure. What is none of our errors is logged and told as `internal`, without its text.
 */
import { Metadata } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { TidepoolError, codes, given } from "@tidepool/common";
import type { Code, Component, Logger } from "@tidepool/common";
import { statusCodec, tidepool } from "@tidepool/proto";
import { nameMaxLength } from "../limits.ts";
import type { CallFailureDetails } from "../routing/invocation.ts";

export const detailsTrailer = "grpc-status-details-bin";
export const failureTypeUrl = "type.googleapis.com/tidepool.v1.Failure";

/** Clients refuse large trailers: user code's texts are cut to these, characters. */
const messageMaxLength = 1_024;
const stackMaxLength = 3_072;

/** @param requestId of the call, where what was thrown names none */
export function toStatus(
  thrown: unknown,
  operation: string,
  logger: Logger,
  requestId: string,
): ServiceError {
  const isOurs = thrown instanceof TidepoolError;
  if (!isOurs || thrown.code === "internal") {
    logger.error("call failed", { operation, requestId, error: thrown });
  }
  const error = isOurs
    ? thrown
    : new TidepoolError("internal", "internal error", { cause: thrown });
  const message = cut(error.message, messageMaxLength);
  const { grpc: code } = codes[error.code];
  const metadata = new Metadata();
  const value = tidepool.v1.Failure.encode(failureOf(error, message, requestId)).finish();
  const details = [{ type_url: failureTypeUrl, value }];
  metadata.set(
    detailsTrailer,
    Buffer.from(statusCodec.encode({ code, message, details }).finish()),
  );
  return Object.assign(new Error(message), { code, details: message, metadata });
}

function failureOf(
  error: TidepoolError,
  message: string,
  callId: string,
): tidepool.v1.Failure.$Properties {
  const {
    requestId = callId,
    mayHaveStarted,
    start,
    stages,
  } = error.details as Partial<CallFailureDetails>;
  const { thrown, reason = error.code } = error;
  const isRetryable = error.retryable && mayHaveStarted !== true && reason !== "functionStopped";
  const retryAfterMs =
    error.retryAfterMs ?? (isRetryable ? retryAfterDefaultsMs[error.code] : undefined);
  return {
    code: error.code,
    message,
    // Sent again by itself, a call that may have started could run twice.
    retryable: isRetryable,
    component: error.component ?? defaultComponent(error),
    requestId: cut(requestId, nameMaxLength),
    reason,
    ...given({ retryAfterMs, start, stages }),
    ...(thrown === undefined
      ? {}
      : {
          thrown: {
            name: cut(thrown.name, messageMaxLength),
            message: cut(thrown.message, messageMaxLength),
            stack: cut(thrown.stack, stackMaxLength),
          },
        }),
  };
}

/** Where nothing more is known: what is away or full is looked for again after so long. */
const retryAfterDefaultsMs: { readonly [code in Code]?: number } = {
  noCapacity: 1_000,
  unavailable: 250,
  throttled: 1_000,
};

/** What the caller named or gave, and cannot be; the frontend for the rest. */
const ofClient: readonly Code[] = [
  "unauthenticated",
  "forbidden",
  "invalid",
  "tooLarge",
  "cancelled",
  "alreadyExists",
  "notFound",
  "wrongPhase",
];

export function defaultComponent({ code }: Pick<TidepoolError, "code">): Component {
  return ofClient.includes(code) ? "client" : "frontend";
}

function cut(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`;
}
