/**
 * What destinations are told when a call has ended: a CloudEvent 1.0 in structured mode, JSON. Payload and
 * response are in it as JSON values where they are JSON and where the whole stays below the limit.
 */
import { subjects } from "@tidepool/proto";
import type { AcceptedCall } from "./call.ts";

export interface EndedCall {
  readonly call: AcceptedCall;
  /** What it was called with. */
  readonly payload: Uint8Array;
  /** Of one that succeeded. */
  readonly response: Uint8Array | undefined;
}

/** The same for the same end of a call, so that receivers can tell a repetition. */
export function eventId({ requestId, status }: AcceptedCall): string {
  return `${requestId}-${status}`;
}

export function cloudEvent(ended: EndedCall, maxBytes: number): Uint8Array {
  const whole = encode(ended, { isCut: false });
  return whole.byteLength <= maxBytes ? whole : encode(ended, { isCut: true });
}

function encode({ call, payload, response }: EndedCall, { isCut }: { isCut: boolean }): Uint8Array {
  const { status, attempts, failure } = call;
  const requestId = subjects.nameOf(call.requestId);
  const functionName = subjects.nameOf(call.functionName);
  const event = {
    specversion: "1.0",
    id: subjects.nameOf(eventId(call)),
    source: `/tidepool/functions/${functionName}`,
    type: `tidepool.invocation.${status}`,
    subject: requestId,
    time: new Date(call.endedAtMs ?? 0).toISOString(),
    datacontenttype: "application/json",
    data: {
      requestId,
      functionName,
      qualifier: call.qualifier,
      version: call.response?.version ?? "",
      status,
      attempts,
      acceptedAt: new Date(call.acceptedAtMs).toISOString(),
      ...(isCut
        ? { isCut, payloadBytes: payload.byteLength, responseBytes: response?.byteLength ?? 0 }
        : { payload: jsonOf(payload), ...(response === undefined ? {} : responseOf(response)) }),
      ...(failure && status !== "succeeded"
        ? {
            failure: {
              code: failure.code,
              message: failure.message,
              component: failure.component,
              ...(failure.thrown ? { thrown: failure.thrown } : {}),
            },
          }
        : {}),
    },
  };
  return new TextEncoder().encode(JSON.stringify(event));
}

/** A function may stream bytes that are no JSON. */
function responseOf(response: Uint8Array): object {
  try {
    return { response: jsonOf(response) };
  } catch {
    return { responseBase64: Buffer.from(response).toString("base64") };
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  return bytes.byteLength === 0
    ? null
    : JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}
