/** A host's messages as answers: the one place that reads their protobuf shapes. */
import { failureFromWire } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import type { HostAnswer, HostStages } from "../ports.ts";

type Message = tidepool.internal.v1.HostMessage.$Properties;

export interface HostPart {
  readonly callId: number;
  /** Of a result: the whole size of its payload, of which `content` is the first part. */
  readonly payloadBytes: number;
  readonly content: Uint8Array;
  /** The function begins to stream its answer. */
  readonly begin: AnswerBegin | undefined;
  /** Absent: only the beginning, or a further part, of a payload. */
  readonly answer: HostAnswer | undefined;
}

export interface AnswerBegin {
  readonly contentType: string;
  readonly metadata: Uint8Array;
}

const nothing = new Uint8Array();
const empty = { callId: 0, payloadBytes: 0, content: nothing, begin: undefined, answer: undefined };

/** Undefined for a message of a kind that this version does not know. */
export function parseHostMessage(message: Message): HostPart | undefined {
  const { refused, result, chunk, failure, answerBegin } = message;
  if (answerBegin) {
    const { contentType, metadata } = answerBegin;
    const begin = { contentType: contentType ?? "", metadata: metadata ?? nothing };
    return { ...empty, callId: answerBegin.callId ?? 0, begin };
  }
  if (result) {
    const payload = result.payload ?? nothing;
    const answer: HostAnswer = {
      kind: "result",
      payload,
      isStreamed: false,
      start: result.start ?? tidepool.v1.Start.START_UNSPECIFIED,
      stages: parseStages(result.stages),
      vmId: result.vmId ?? "",
      readyBeforeMs: result.readyBeforeMs ?? 0,
      window: result.window ?? undefined,
    };
    return {
      ...empty,
      callId: result.callId ?? 0,
      payloadBytes: result.payloadBytes ?? payload.byteLength,
      content: payload,
      answer,
    };
  }
  if (chunk) {
    const content = chunk.content ?? nothing;
    return { ...empty, callId: chunk.callId ?? 0, content };
  }
  if (refused) {
    const answer: HostAnswer = { kind: "refused", failure: failureFromWire(refused.failure) };
    return { ...empty, callId: refused.callId ?? 0, answer };
  }
  if (failure) {
    const answer: HostAnswer = {
      kind: "failed",
      failure: failureFromWire(failure.failure),
      start: failure.start ?? tidepool.v1.Start.START_UNSPECIFIED,
      stages: parseStages(failure.stages),
      vmId: failure.vmId ?? "",
    };
    return { ...empty, callId: failure.callId ?? 0, answer };
  }
  return undefined;
}

export const noStages: HostStages = { waitingMs: 0, restoreMs: 0, loadMs: 0, runMs: 0 };

function parseStages(
  stages: tidepool.internal.v1.HostStages.$Properties | null | undefined,
): HostStages {
  return {
    waitingMs: stages?.waitingMs ?? 0,
    restoreMs: stages?.restoreMs ?? 0,
    loadMs: stages?.loadMs ?? 0,
    runMs: stages?.runMs ?? 0,
  };
}
