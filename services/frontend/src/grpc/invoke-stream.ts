/** InvokeStream: the answer in parts as the function writes them, and what Invoke would tell of it at the end. */
import type { tidepool } from "@tidepool/proto";
import { answerPartMaxBytes } from "../limits.ts";
import type { AnswerSink } from "../ports.ts";
import { parseInvocation } from "../routing/invocation.ts";
import type { Answer, Router } from "../routing/router.ts";
import type { CallContext } from "./handlers.ts";

type Part = tidepool.v1.InvokePart.$Properties;
type Send = (part: Part) => Promise<void>;

export async function invokeStream(
  router: Pick<Router, "invoke">,
  request: tidepool.v1.InvokeRequest.$Properties,
  { deadlineAtMs, signal }: CallContext,
  send: Send,
): Promise<void> {
  const invocation = parseInvocation(request);
  const { requestId } = invocation;
  let begun: Promise<void> | undefined;
  const sink: AnswerSink = {
    begin(contentType, metadata) {
      begun = send({ begin: { requestId, contentType, metadata } });
      begun.catch(() => {}); // the first write tells
    },
    async write(chunk) {
      await begun;
      await send({ chunk });
    },
  };
  const answer = await router.invoke(invocation, deadlineAtMs, signal, sink);
  if (!answer.isStreamed) await sendWhole(answer, send);
  await begun;
  await send({ end: { ...answerToWire(answer), payload: new Uint8Array() } });
}

/** Of a function that does not stream: one part, unless it is so large that clients may not take it. */
async function sendWhole({ requestId, payload }: Answer, send: Send): Promise<void> {
  await send({ begin: { requestId, contentType: "application/json" } });
  for (let at = 0; at < payload.byteLength; at += answerPartMaxBytes) {
    await send({ chunk: payload.subarray(at, at + answerPartMaxBytes) });
  }
}

export function answerToWire(answer: Answer): tidepool.v1.InvokeResponse.$Properties {
  const { window, isStreamed: _, ...rest } = answer;
  return window === undefined ? rest : { ...rest, window };
}
