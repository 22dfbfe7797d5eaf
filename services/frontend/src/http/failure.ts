/**
 * Failures as HTTP: the status of docs/errors.md, and a JSON body. Who calls a function URL need not be its owner:
 * what the function threw is not told, its log has it under the request id.
 */
import { codes, TidepoolError } from "@tidepool/common";
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

  constructor(
    status: number,
    message: string,
    headers: readonly (readonly [string, string])[] = [],
  ) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

export function httpFailure(thrown: unknown, requestId: string): HttpFailure {
  if (thrown instanceof HttpRefusal) {
    const { status, headers, message } = thrown;
    return failureOf(status, headers, { code: refusalCode(status), message, requestId });
  }
  const error =
    thrown instanceof TidepoolError ? thrown : new TidepoolError("internal", "internal error");
  const { code } = error;
  const status = codes[code].http;
  const isBusy = status === 429 || status === 503;
  const headers: [string, string][] = isBusy ? [["retry-after", retryAfter(error)]] : [];
  const message =
    code === "functionError" && !isMalformed(error) ? "the function failed" : error.message;
  return failureOf(status, headers, {
    code,
    message,
    requestId,
    ...(error.component === undefined ? {} : { component: error.component }),
    ...(error.reason === undefined ? {} : { reason: error.reason }),
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

function refusalCode(status: number): string {
  if (status === 404) return "notFound";
  if (status === 413) return "tooLarge";
  return status === 503 ? "unavailable" : "invalid";
}
