/** Failures on the wire: the one place where error codes meet protobuf. */
import { tidepool } from "@tidepool/proto";
import { isCode, TidepoolError } from "./error.ts";
import type { Component } from "./error.ts";
import { given } from "./given.ts";

const codec = tidepool.internal.v1.Failure;

export function failureToWire(
  error: TidepoolError,
  component: Component,
): tidepool.internal.v1.Failure.$Properties {
  const { code, message, thrown, reason, retryAfterMs } = error;
  return {
    code,
    message,
    component: error.component ?? component,
    ...given({ thrown, reason, retryAfterMs }),
  };
}

/** An unknown code (from a newer version) becomes `internal`. */
export function failureFromWire(
  failure: tidepool.internal.v1.Failure.$Properties | null | undefined,
): TidepoolError {
  const code = failure?.code ?? "";
  const thrown = failure?.thrown;
  return new TidepoolError(
    isCode(code) ? code : "internal",
    failure?.message ?? "no reason given",
    {
      ...(thrown
        ? {
            thrown: {
              name: thrown.name ?? "",
              message: thrown.message ?? "",
              stack: thrown.stack ?? "",
            },
          }
        : {}),
      ...(isComponent(failure?.component) ? { component: failure.component } : {}),
      ...(failure?.reason ? { reason: failure.reason } : {}),
      ...(failure?.retryAfterMs ? { retryAfterMs: failure.retryAfterMs } : {}),
    },
  );
}

export function encodeFailure(error: TidepoolError, component: Component): Uint8Array {
  return codec.encode(failureToWire(error, component)).finish();
}

export function decodeFailure(bytes: Uint8Array): TidepoolError {
  return failureFromWire(codec.decode(bytes));
}

const components: readonly string[] = [
  "client",
  "frontend",
  "scheduler",
  "host",
  "guest",
  "function",
] satisfies readonly Component[];

function isComponent(text: string | null | undefined): text is Component {
  return components.includes(text ?? "");
}
