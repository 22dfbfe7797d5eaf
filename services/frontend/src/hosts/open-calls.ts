/** The calls on one host's stream, and what their answer is when the stream is no more. */
import { TidepoolError } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import type { AnswerSink, HostAnswer } from "../ports.ts";
import { noStages } from "./host-message.ts";
import type { IncomingAnswer } from "./incoming-answer.ts";

export interface OpenCall {
  readonly callId: number;
  readonly settle: (answer: HostAnswer) => void;
  /** Ends the call here and at the host. */
  readonly abandon: (error: TidepoolError) => void;
  readonly sink: AnswerSink | undefined;
  /** Once the function has begun to stream. */
  streamed: IncomingAnswer | undefined;
  /** A result whose payload is still coming. */
  partial:
    { readonly answer: HostAnswer; readonly parts: Uint8Array[]; missing: number } | undefined;
}

const idCount = 2 ** 32;

/** Ids go up by one with each call of a stream, and begin again behind the last. */
export function isLater(callId: number, than: number): boolean {
  const ahead = (callId - than + idCount) % idCount;
  return ahead > 0 && ahead < idCount / 2;
}

/** Nobody knows whether it ran. */
export function settleLost(open: OpenCall, address: string, cause: unknown): void {
  const failure = new TidepoolError(
    "unavailable",
    `the connection to the host at ${address} broke while the call was there`,
    { cause, component: "host", reason: "hostLost" },
  );
  const start = tidepool.v1.Start.START_UNSPECIFIED;
  const answer: HostAnswer = { kind: "failed", failure, start, stages: noStages, vmId: "" };
  if (open.streamed === undefined) open.settle(answer);
  else void settleAfter(open, open.streamed, answer);
}

/** It never ran, and never will there. */
export function settleUnsent(open: OpenCall, address: string, cause: unknown): void {
  const failure = new TidepoolError(
    "unavailable",
    `the connection to the host at ${address} broke before the call was there`,
    { cause, component: "host", reason: "hostUnreachable" },
  );
  open.settle({ kind: "refused", failure });
}

/** What came before the end goes first. */
export async function settleAfter(
  open: OpenCall,
  streamed: IncomingAnswer,
  answer: HostAnswer,
): Promise<void> {
  try {
    await streamed.written();
    open.settle(answer);
  } catch (error) {
    open.abandon(TidepoolError.from(error));
  }
}
