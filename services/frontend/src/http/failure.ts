/**
 * Failures as HTTP: the status of docs/errors.md, and a JSON body. Who calls a function URL need not be its owner:
 * what the function threw is not told, its log has it under the request id.
 */
import { codes, TidepoolError } from "@tidepool/common";
import type { Code, Reason } from "@tidepool/common";
import { defaultComponent } from "../grpc/status.ts";
import type { CallFailureDetails } from "../routing/invocation.ts";
import { retryAfterDefaultSeconds } from "./limits.ts";

export interface HttpFailure {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** A refusal before any call was made of the request. */
export class HttpRefusal extends Error {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Undefined: its code says it all. */
  readonly reason: Reason | undefined;

  constructor(
    status: number,
    message: string,
    { headers = [], reason }: { headers?: HttpFailure["headers"]; reason?: Reason } = {},
  ) {
    super(message);
    this.status = status;
    this.headers = headers;
    this.reason = reason;
  }
}

export function httpFailure(thrown: unknown, requestId: string): HttpFailure {
  if (thrown instanceof HttpRefusal) {
    const { status, headers, message } = thrown;
    const code = refusalCode(status);
    const component = defaultComponent({ code });
    const reason = thrown.reason ?? code;
    return failureOf(status, headers, { code, message, requestId, component, reason });
  }
  const error =
    thrown instanceof TidepoolError ? thrown : new TidepoolError("internal", "internal error");
  const { code } = error;
  const status = codes[code].http;
  // A stopped function is not let go on by waiting, and what may have run is not to be sent again by itself.
  const { mayHaveStarted = false } = error.details as Partial<CallFailureDetails>;
  const isAgain = !mayHaveStarted && error.reason !== "functionStopped";
  const isBusy = (status === 429 || status === 503) && isAgain;
  const headers: [string, string][] = isBusy ? [["retry-after", retryAfter(error)]] : [];
  const message =
    code === "functionError" && !isMalformed(error) ? "the function failed" : error.message;
  return failureOf(status, headers, {
    code,
    message,
    requestId,
    component: error.component ?? defaultComponent(error),
    reason: error.reason ?? code,
  });
}

function failureOf(
  status: number,
  headers: HttpFailure["headers"],
  body: Record<string, string>,
): HttpFailure {
  return {
    status,
    headers: [["content-type", "application/json"], ...headers],
    body: Buffer.from(`${JSON.stringify(body)}\n`),
  };
}

function isMalformed({ reason }: TidepoolError): boolean {
  return reason === "malformedAnswer";
}

/** Whole seconds, as the header wants them. */
function retryAfter({ retryAfterMs }: TidepoolError): string {
  if (retryAfterMs === undefined || retryAfterMs <= 0) return String(retryAfterDefaultSeconds);
  return String(Math.max(1, Math.ceil(retryAfterMs / 1_000)));
}

function refusalCode(status: number): Code {
  if (status === 404) return "notFound";
  if (status === 413) return "tooLarge";
  return status === 503 ? "unavailable" : "invalid";
}
