/** Messages of the invocation stream, to and from our own words. */
import { failureToWire, TidepoolError } from "@tidepool/common";
import type { Code, Component } from "@tidepool/common";
import { tidepool, toTimestamp } from "@tidepool/proto";
import type {
  InvocationOutcome,
  InvocationRequest,
  HostStages,
  Start,
} from "../invocations/invocation.ts";
import type { AnswerHead } from "../guest/session.ts";
import type { ForecastWindow } from "../vm/owned-function.ts";
import {
  chunkMaxBytes,
  deadlineDefaultMs,
  deadlineMaxMs,
  payloadMaxBytes,
  timeoutDefaultMs,
} from "./limits.ts";

type HostMessage = tidepool.internal.v1.HostMessage.$Properties;

export interface ParsedInvoke extends Omit<InvocationRequest, "sink"> {
  readonly payloadBytes: number;
  /** Its first part. */
  readonly payload: Uint8Array;
  readonly isStreamed: boolean;
  /** Nothing may go on for it when the frontend is lost. */
  readonly endsWithStream: boolean;
}

/** @throws TidepoolError `invalid`, `tooLarge` */
export function parseInvokeStart(
  message: tidepool.internal.v1.InvokeStart.$Properties,
): ParsedInvoke {
  const payload = message.payload ?? new Uint8Array();
  const payloadBytes = message.payloadBytes || payload.length;
  if (payloadBytes > payloadMaxBytes) {
    throw new TidepoolError(
      "tooLarge",
      `payload has ${payloadBytes} bytes, at most ${payloadMaxBytes} are allowed`,
    );
  }
  if (payload.length > payloadBytes) {
    throw new TidepoolError("invalid", "payload is longer than its payload_bytes");
  }
  const { requestId, functionName, version } = message;
  if (!requestId || !functionName || !version) {
    throw new TidepoolError("invalid", "request_id, function_name or version is missing");
  }
  const isStreamed = message.isStreamed ?? false;
  return {
    requestId,
    attemptId: message.attemptId || requestId,
    isStreamed,
    endsWithStream: isStreamed || (message.endsWithStream ?? false),
    functionName,
    version,
    vmId: message.vmId || undefined,
    isCutOff: message.isCutOff ?? false,
    deadlineMs: Math.min(message.deadlineMs || deadlineDefaultMs, deadlineMaxMs),
    timeoutMs: message.timeoutMs || timeoutDefaultMs,
    traceparent: message.traceparent ?? "",
    payloadBytes,
    payload,
  };
}

export function beginMessage(callId: number, head: AnswerHead, start: Start): HostMessage {
  const { contentType, http } = head;
  const metadata = Buffer.from(http, "utf8");
  return { answerBegin: { callId, contentType, metadata, start: startToWire(start) } };
}

export function refusedMessage(callId: number, error: TidepoolError): HostMessage {
  return { refused: { callId, failure: failureToWire(error, "host") } };
}

/** A failure of which nothing but the reason is known. */
export function failureMessage(callId: number, error: TidepoolError): HostMessage {
  return { failure: { callId, failure: failureToWire(error, componentOf(error)) } };
}

/** The messages of an outcome, in order: a large answer follows in chunks. */
export function* outcomeMessages(
  callId: number,
  outcome: InvocationOutcome,
): Generator<HostMessage> {
  const start = startToWire(outcome.start);
  const stages = stagesToWire(outcome.stages);
  const { vmId, failure, payload } = outcome;
  if (failure !== undefined) {
    const wire = failureToWire(failure, componentOf(failure));
    yield { failure: { callId, failure: wire, start, stages, vmId } };
    return;
  }
  yield {
    result: {
      callId,
      start,
      stages,
      vmId,
      readyBeforeMs: outcome.readyBeforeMs,
      ...(outcome.window === undefined ? {} : { window: windowToWire(outcome.window) }),
      payloadBytes: payload.length,
      payload: payload.subarray(0, chunkMaxBytes),
    },
  };
  for (let at = chunkMaxBytes; at < payload.length; at += chunkMaxBytes) {
    yield { chunk: { callId, content: payload.subarray(at, at + chunkMaxBytes) } };
  }
}

export function windowToWire(window: ForecastWindow): tidepool.v1.Window.$Properties {
  return {
    startAt: toTimestamp(window.startAtMs),
    endAt: toTimestamp(window.endAtMs),
    expectedAt: toTimestamp(window.expectedAtMs),
    count: window.count,
    degree: window.degree,
  };
}

function stagesToWire(stages: HostStages): tidepool.internal.v1.HostStages.$Properties {
  return { ...stages };
}

function startToWire(start: Start): tidepool.v1.Start {
  const { Start } = tidepool.v1;
  switch (start) {
    case "predicted":
      return Start.START_PREDICTED;
    case "warm":
      return Start.START_WARM;
    case "pool":
      return Start.START_POOL;
    case "cold":
      return Start.START_COLD;
  }
}

/** Who is to blame, as the caller sees it; the host for the rest. */
const components: { readonly [code in Code]?: Component } = {
  functionError: "function",
  memoryLimit: "function",
  outputLimit: "function",
  timeout: "function",
  guestCrash: "guest",
  tooLarge: "client",
  cancelled: "client",
};

const componentOf = ({ code }: TidepoolError): Component => components[code] ?? "host";
