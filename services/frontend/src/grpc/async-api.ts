/** The methods of the public API that are about accepted calls. */
import type { UntypedHandleCall } from "@grpc/grpc-js";
import type { tidepool } from "@tidepool/proto";
import type { CallToAccept } from "../async/accept.ts";
import type { AsyncCalls } from "../async/async-calls.ts";
import { invocationToWire } from "../async/call-wire.ts";
import { parseDeadLetterQuery } from "../async/dead-letter-box.ts";
import type { DeadLetterBox } from "../async/dead-letter-box.ts";
import type { CallContext, Handlers } from "./handlers.ts";

export interface AsyncApiOptions {
  readonly asyncCalls: AsyncCalls;
  readonly deadLetters: DeadLetterBox;
}

export function asyncApi(handlers: Handlers, { asyncCalls, deadLetters }: AsyncApiOptions) {
  return {
    invokeAsync: handlers.unary(
      "InvokeAsync",
      (request: tidepool.v1.InvokeAsyncRequest.$Properties) =>
        asyncCalls.accept(callToAccept(request)),
    ),
    getInvocation: handlers.unary(
      "GetInvocation",
      ({ requestId }: tidepool.v1.GetInvocationRequest.$Properties) =>
        asyncCalls.get(requestId ?? ""),
    ),
    cancelInvocation: handlers.unary(
      "CancelInvocation",
      ({ requestId }: tidepool.v1.CancelInvocationRequest.$Properties) =>
        asyncCalls.cancel(requestId ?? ""),
    ),
    listDeadLetters: handlers.unary(
      "ListDeadLetters",
      async (request: tidepool.v1.ListDeadLettersRequest.$Properties) => {
        const { letters, isCut } = await deadLetters.list(
          parseDeadLetterQuery(request),
          request.limit ?? 0,
        );
        return {
          letters: letters.map(({ call, payload }) => ({
            invocation: invocationToWire(call),
            payload,
          })),
          isCut,
        };
      },
    ),
    redriveDeadLetters: handlers.unary(
      "RedriveDeadLetters",
      async (request: tidepool.v1.RedriveDeadLettersRequest.$Properties, context: CallContext) => {
        const query = parseDeadLetterQuery(request);
        const { count, requestIds } = await deadLetters.redrive(query, context.signal);
        return { count, requestIds: [...requestIds] };
      },
    ),
    purgeDeadLetters: handlers.unary(
      "PurgeDeadLetters",
      async (request: tidepool.v1.PurgeDeadLettersRequest.$Properties, context: CallContext) => ({
        count: await deadLetters.purge(parseDeadLetterQuery(request), context.signal),
      }),
    ),
  } satisfies Record<string, UntypedHandleCall>;
}

/** Only what callers may say. */
function callToAccept(request: tidepool.v1.InvokeAsyncRequest.$Properties): CallToAccept {
  const { name, payload, requestId, qualifier, dedupeKey, retries, ageMaxMs, delayMs } = request;
  return {
    name: name ?? "",
    payload,
    requestId,
    qualifier,
    dedupeKey,
    retries,
    ageMaxMs,
    delayMs,
  };
}
