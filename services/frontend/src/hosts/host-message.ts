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
  /** Absent: only a further part of a payload. */
  readonly answer: HostAnswer | undefined;
}

const nothing = new Uint8Array();

/** Undefined for a message of a kind that this version does not know. */
export function parseHostMessage(message: Message): HostPart | undefined {
  const { refused, result, chunk, failure } = message;
  if (result) {
    const payload = result.payload ?? nothing;
    const answer: HostAnswer = {
      kind: "result",
      payload,
      start: result.start ?? tidepool.v1.Start.START_UNSPECIFIED,
      stages: parseStages(result.stages),
      vmId: result.vmId ?? "",
      readyBeforeMs: result.readyBeforeMs ?? 0,
      window: result.window ?? undefined,
    };
    return {
      callId: result.callId ?? 0,
      payloadBytes: result.payloadBytes ?? payload.byteLength,
      content: payload,
      answer,
    };
  }
  if (chunk) {
    const content = chunk.content ?? nothing;
    return { callId: chunk.callId ?? 0, payloadBytes: 0, content, answer: undefined };
  }
  if (refused) {
    const answer: HostAnswer = { kind: "refused", failure: failureFromWire(refused.failure) };
    return { callId: refused.callId ?? 0, payloadBytes: 0, content: nothing, answer };
  }
  if (failure) {
    const answer: HostAnswer = {
      kind: "failed",
      failure: failureFromWire(failure.failure),
      start: failure.start ?? tidepool.v1.Start.START_UNSPECIFIED,
      stages: parseStages(failure.stages),
      vmId: failure.vmId ?? "",
    };
    return { callId: failure.callId ?? 0, payloadBytes: 0, content: nothing, answer };
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
