/** The methods of the public API that are about accepted calls. */
import { randomUUID } from "node:crypto";
import type { UntypedHandleCall } from "@grpc/grpc-js";
import type { tidepool } from "@tidepool/proto";
import type { CallToAccept } from "../async/accept.ts";
import type { AsyncCalls } from "../async/async-calls.ts";
import { invocationToWire } from "../async/call-wire.ts";
import { parseDeadLetterQuery } from "../async/dead-letter-box.ts";
import type { DeadLetterBox } from "../async/dead-letter-box.ts";
import { withDetails } from "../routing/invocation.ts";
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
        named(request.requestId, (requestId) =>
          asyncCalls.accept({ ...callToAccept(request), requestId }),
        ),
    ),
    getInvocation: handlers.unary(
      "GetInvocation",
      ({ requestId }: tidepool.v1.GetInvocationRequest.$Properties) =>
        named(requestId, () => asyncCalls.get(requestId ?? "")),
    ),
    cancelInvocation: handlers.unary(
      "CancelInvocation",
      ({ requestId }: tidepool.v1.CancelInvocationRequest.$Properties) =>
        named(requestId, () => asyncCalls.cancel(requestId ?? "")),
    ),
    listDeadLetters: handlers.unary(
      "ListDeadLetters",
      async (request: tidepool.v1.ListDeadLettersRequest.$Properties, { caller }: CallContext) => {
        const { letters, isCut } = await deadLetters.list(
          parseDeadLetterQuery(caller.tenant, request),
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
        const query = parseDeadLetterQuery(context.caller.tenant, request);
        const { count, requestIds } = await deadLetters.redrive(query, context.signal);
        return { count, requestIds: [...requestIds] };
      },
    ),
    purgeDeadLetters: handlers.unary(
      "PurgeDeadLetters",
      async (request: tidepool.v1.PurgeDeadLettersRequest.$Properties, context: CallContext) => ({
        count: await deadLetters.purge(
          parseDeadLetterQuery(context.caller.tenant, request),
          context.signal,
        ),
      }),
    ),
  } satisfies Record<string, UntypedHandleCall>;
}

/** A failure names the call that it is about, also one whose id was chosen here. */
async function named<T>(
  given: string | undefined,
  work: (requestId: string) => Promise<T>,
): Promise<T> {
  const requestId = given || randomUUID();
  try {
    return await work(requestId);
  } catch (error) {
    throw withDetails(error, { requestId, mayHaveStarted: false });
  }
}

/** Only what callers may say. */
function callToAccept(request: tidepool.v1.InvokeAsyncRequest.$Properties): CallToAccept {
  const { name, payload, qualifier, dedupeKey, retries, ageMaxMs, delayMs } = request;
  return {
    name: name ?? "",
    payload,
    qualifier,
    dedupeKey,
    retries,
    ageMaxMs,
    delayMs,
  };
}
