/** What travels with a message: its bytes, its sender's trace and deadline; and what a request fails with. */
import { propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import type { Context } from "@opentelemetry/api";
import { ClosedConnectionError, Match, RequestError, TimeoutError } from "@nats-io/nats-core";
import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import { messageOf, TidepoolError } from "@tidepool/common";
import { subjects } from "@tidepool/proto";

/** What a generated message class offers. */
export interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

export interface MessageContext {
  readonly subject: string;
  /** When the sender stops waiting, ms since 1970 UTC; undefined when it did not say. */
  readonly deadlineAtMs: number | undefined;
}

export function encode<T>({ codec, message }: { codec: Codec<T>; message: T }): Uint8Array {
  return codec.encode(message).finish();
}

/** @param what for people @throws TidepoolError `invalid` for bytes that are no such message */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, what: string): T {
  try {
    return codec.decode(bytes);
  } catch (error) {
    throw new TidepoolError("invalid", `message of ${what} cannot be decoded`, { cause: error });
  }
}

/** The trace context that came with a message; never the reader's own. */
export function parentOf(message: { readonly headers?: MsgHdrs | undefined }): Context {
  if (message.headers === undefined) return ROOT_CONTEXT;
  return propagation.extract(ROOT_CONTEXT, message.headers, {
    get: (carrier, key) => carrier.get(key, Match.IgnoreCase),
    keys: (carrier) => carrier.keys(),
  });
}

export function messageContext(message: Msg): MessageContext {
  const deadline = message.headers?.get(subjects.natsHeaders.deadline, Match.IgnoreCase);
  const deadlineAtMs = deadline === undefined || deadline === "" ? undefined : Number(deadline);
  return { subject: message.subject, deadlineAtMs };
}

export function requestFailure(
  operation: string,
  timeoutMs: number,
  error: unknown,
): TidepoolError {
  if (error instanceof RequestError && error.isNoResponders()) {
    return new TidepoolError("unavailable", `nobody answers ${operation}`, { cause: error });
  }
  if (error instanceof TimeoutError || (error instanceof Error && error.name === "TimeoutError")) {
    return new TidepoolError("timeout", `${operation} had no answer in ${timeoutMs} ms`, {
      cause: error,
    });
  }
  if (error instanceof ClosedConnectionError) {
    return new TidepoolError("unavailable", `${operation} failed: the NATS connection is closed`, {
      cause: error,
    });
  }
  return new TidepoolError("unavailable", `${operation} failed: ${messageOf(error)}`, {
    cause: error,
  });
}
