/** An accepted call's two shapes on the wire: the record in its bucket, and the API's message. */
import { given } from "@tidepool/common";
import { fromTimestamp, tidepool, toTimestamp } from "@tidepool/proto";
import type { WireTimestamp } from "@tidepool/proto";
import type { AcceptedCall, CallStatus, Claim, Destination, StoredResult } from "./call.ts";

const { AcceptedCall: CallRecord } = tidepool.internal.v1;
const { InvocationStatus } = tidepool.v1;

export function encodeCall(call: AcceptedCall): Uint8Array {
  return CallRecord.encode(callToWire(call)).finish();
}

export function decodeCall(bytes: Uint8Array): AcceptedCall {
  return parseCall(CallRecord.decode(bytes));
}

export function callToWire(call: AcceptedCall): tidepool.internal.v1.AcceptedCall.$Properties {
  const { requestId, functionName, qualifier, attempts, failures, waits, retries } = call;
  const { dedupeKey, hops, isSettled, payloadBytes, claim, result, response, failure } = call;
  return {
    requestId,
    functionName,
    qualifier,
    status: statusWires[call.status],
    attempts,
    failures,
    waits,
    retries,
    acceptedAt: toTimestamp(call.acceptedAtMs),
    expiresAt: toTimestamp(call.expiresAtMs),
    ...optional("nextAt", call.nextAtMs === 0 ? undefined : call.nextAtMs),
    ...optional("endedAt", call.endedAtMs),
    dedupeKey,
    ...(call.onSuccess === undefined ? {} : { onSuccess: destinationToWire(call.onSuccess) }),
    ...(call.onFailure === undefined ? {} : { onFailure: destinationToWire(call.onFailure) }),
    hops,
    ...(claim === undefined
      ? {}
      : {
          claim: {
            ownerId: claim.ownerId,
            number: claim.number,
            until: toTimestamp(claim.untilMs),
          },
        }),
    ...given({ response }),
    ...(result === undefined
      ? {}
      : {
          resultBytes: result.bytes,
          resultKey: result.key,
          ...given({ result: result.inline }),
        }),
    ...given({ failure }),
    isSettled,
    payloadBytes,
  };
}

export function parseCall(wire: tidepool.internal.v1.AcceptedCall.$Properties): AcceptedCall {
  return {
    requestId: wire.requestId ?? "",
    functionName: wire.functionName ?? "",
    qualifier: wire.qualifier ?? "",
    status: parseStatus(wire.status),
    attempts: wire.attempts ?? 0,
    failures: wire.failures ?? 0,
    waits: wire.waits ?? 0,
    retries: wire.retries ?? 0,
    acceptedAtMs: fromTimestamp(wire.acceptedAt) ?? 0,
    expiresAtMs: fromTimestamp(wire.expiresAt) ?? 0,
    nextAtMs: fromTimestamp(wire.nextAt) ?? 0,
    endedAtMs: fromTimestamp(wire.endedAt),
    dedupeKey: wire.dedupeKey ?? "",
    onSuccess: parseDestination(wire.onSuccess),
    onFailure: parseDestination(wire.onFailure),
    hops: wire.hops ?? 0,
    claim: wire.claim ? parseClaim(wire.claim) : undefined,
    response: wire.response ?? undefined,
    result: parseResult(wire),
    failure: wire.failure ?? undefined,
    isSettled: wire.isSettled ?? false,
    payloadBytes: wire.payloadBytes ?? 0,
  };
}

/** @param payload of a call that succeeded, where it is to be told */
export function invocationToWire(
  call: AcceptedCall,
  payload?: Uint8Array,
): tidepool.v1.Invocation.$Properties {
  const { requestId, functionName, qualifier, status, attempts, dedupeKey, response } = call;
  const failure = status === "succeeded" ? undefined : call.failure;
  return {
    requestId,
    functionName,
    qualifier,
    status: statusWires[status],
    attempts,
    acceptedAt: toTimestamp(call.acceptedAtMs),
    ...optional("endedAt", call.endedAtMs),
    ...optional("nextAt", call.nextAtMs === 0 ? undefined : call.nextAtMs),
    ...given({ response, payload, failure }),
    dedupeKey,
  };
}

export function parseDestination(
  wire: tidepool.v1.Destination.$Properties | null | undefined,
): Destination | undefined {
  if (wire?.function) return { kind: "function", name: wire.function };
  if (wire?.subject) return { kind: "subject", subject: wire.subject };
  return undefined;
}

function destinationToWire(destination: Destination): tidepool.v1.Destination.$Properties {
  return destination.kind === "function"
    ? { function: destination.name }
    : { subject: destination.subject };
}

function parseClaim(wire: tidepool.internal.v1.Claim.$Properties): Claim {
  return {
    ownerId: wire.ownerId ?? "",
    number: wire.number ?? 0,
    untilMs: fromTimestamp(wire.until) ?? 0,
  };
}

function parseResult(
  wire: tidepool.internal.v1.AcceptedCall.$Properties,
): StoredResult | undefined {
  const bytes = wire.resultBytes ?? 0;
  if (bytes === 0 && !wire.resultKey) return undefined;
  const inline = wire.result?.length === bytes ? wire.result : undefined;
  return { bytes, inline, key: wire.resultKey ?? "" };
}

function optional<Name extends string>(
  name: Name,
  atMs: number | undefined,
): { [key in Name]?: WireTimestamp } {
  return atMs === undefined
    ? {}
    : ({ [name]: toTimestamp(atMs) } as { [key in Name]: WireTimestamp });
}

const statusWires = {
  queued: InvocationStatus.INVOCATION_STATUS_QUEUED,
  running: InvocationStatus.INVOCATION_STATUS_RUNNING,
  retrying: InvocationStatus.INVOCATION_STATUS_RETRYING,
  succeeded: InvocationStatus.INVOCATION_STATUS_SUCCEEDED,
  failed: InvocationStatus.INVOCATION_STATUS_FAILED,
  expired: InvocationStatus.INVOCATION_STATUS_EXPIRED,
  cancelled: InvocationStatus.INVOCATION_STATUS_CANCELLED,
} as const satisfies Record<CallStatus, tidepool.v1.InvocationStatus>;

function parseStatus(wire: tidepool.v1.InvocationStatus | null | undefined): CallStatus {
  const found = Object.entries(statusWires).find(([, known]) => known === wire);
  return found === undefined ? "queued" : (found[0] as CallStatus);
}
