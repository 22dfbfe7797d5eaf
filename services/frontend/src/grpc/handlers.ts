/**
 * gRPC calls as async functions: each runs in a span that continues the caller's trace, gets a signal that
 * aborts when the caller has gone or the frontend stops, and may throw. All of them come through the door.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { propagation, ROOT_CONTEXT, SpanKind } from "@opentelemetry/api";
import type { Context } from "@opentelemetry/api";
import type {
  Deadline,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
} from "@grpc/grpc-js";
import { joinSignals, TidepoolError, withSpan } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { withCallDeadline } from "../call-deadline.ts";
import type { Door } from "../door/door.ts";
import { endOfToken } from "../door/token-end.ts";
import type { Operation } from "../door/rules.ts";
import type { Caller, Visit } from "../door/visit.ts";
import { toStatus } from "./status.ts";

export interface CallContext {
  readonly signal: AbortSignal;
  /** The caller's; undefined when it named none. */
  readonly deadlineAtMs: number | undefined;
  readonly caller: Caller;
}

/** What calls of all kinds have. */
interface AnyCall {
  readonly metadata: Metadata;
  getDeadline(): Deadline;
  on(event: "cancelled", listener: () => void): unknown;
}

export class Handlers {
  private readonly logger: Logger;
  private readonly stopping: AbortSignal;
  private readonly door: Door;

  /** @param stopping ends streams that would go on for ever */
  constructor(logger: Logger, stopping: AbortSignal, door: Door) {
    this.logger = logger;
    this.stopping = stopping;
    this.door = door;
  }

  unary<Request, Response>(
    operation: Operation,
    work: (request: Request, context: CallContext) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return (call, answer) => {
      const signal = goneSignal(call);
      const requestId = randomUUID();
      this.run(operation, call, signal, async (context, visit) =>
        visit.told(await work(visit.asked(call.request), context)),
      ).then(
        (response) => answer(null, response),
        (error: unknown) => answer(toStatus(error, operation, this.logger, requestId)),
      );
    };
  }

  /** @param work may answer, or throw, before the caller has sent all. */
  clientStream<Request, Response>(
    operation: Operation,
    work: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
  ): handleClientStreamingCall<Request, Response> {
    return (call, answer) => {
      const signal = goneSignal(call);
      const requestId = randomUUID();
      const requests = call.iterator({ destroyOnReturn: false }) as AsyncIterable<Request>;
      const finish = (): void => void call.resume();
      this.run(operation, call, signal, async (context, visit) =>
        visit.told(await work(askedEach(requests, visit), context)),
      ).then(
        (response) => answer(null, response),
        (error: unknown) => {
          answer(toStatus(error, operation, this.logger, requestId));
          // What is still on its way is read and dropped, so that the status gets through.
          finish();
        },
      );
    };
  }

  serverStream<Request, Response>(
    operation: Operation,
    work: (request: Request, context: CallContext) => AsyncIterable<Response>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) => {
      const gone = goneSignal(call);
      const requestId = randomUUID();
      this.run(operation, call, gone, async (context, visit) => {
        const token = endOfToken(visit.caller);
        const { signal, release } = joinSignals(gone, this.stopping, token.signal);
        try {
          for await (const response of work(visit.asked(call.request), { ...context, signal })) {
            if (signal.aborted) break;
            // Rejects when the caller has gone, which the next turn sees.
            if (!call.write(visit.told(response))) {
              await once(call, "drain", { signal }).catch(() => {});
            }
          }
        } finally {
          release();
          token.release();
        }
        token.signal.throwIfAborted();
        if (this.stopping.aborted) {
          throw new TidepoolError("unavailable", "the frontend is stopping");
        }
      }).then(
        () => call.end(),
        (error: unknown) => {
          // grpc-js sends the status of an emitted error; destroy() would send nothing.
          if (!gone.aborted) call.emit("error", toStatus(error, operation, this.logger, requestId));
        },
      );
    };
  }

  /**
   * Parts that are written as they come, and end with the work. One that has begun goes on while the frontend
   * stops, as a unary call does; it ends with its token.
   */
  answerStream<Request, Response>(
    operation: Operation,
    work: (
      request: Request,
      context: CallContext,
      /** Resolves when there is room for more. */
      send: (response: Response) => Promise<void>,
    ) => Promise<void>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) => {
      const gone = goneSignal(call);
      const requestId = randomUUID();
      this.run(operation, call, gone, async (context, visit) => {
        const token = endOfToken(visit.caller);
        const { signal, release } = joinSignals(gone, token.signal);
        const send = async (response: Response): Promise<void> => {
          signal.throwIfAborted();
          if (!call.write(visit.told(response))) await once(call, "drain", { signal });
        };
        try {
          await work(visit.asked(call.request), { ...context, signal }, send);
        } catch (error) {
          token.signal.throwIfAborted();
          throw error;
        } finally {
          release();
          token.release();
        }
      }).then(
        () => call.end(),
        (error: unknown) => {
          if (!gone.aborted) call.emit("error", toStatus(error, operation, this.logger, requestId));
        },
      );
    };
  }

  private run<T>(
    operation: Operation,
    call: AnyCall,
    signal: AbortSignal,
    work: (context: CallContext, visit: Visit) => Promise<T>,
  ): Promise<T> {
    const parent = parentOf(call.metadata);
    const kind = SpanKind.SERVER;
    return withSpan(`tidepool.v1.Tidepool/${operation}`, { kind, parent }, async () => {
      const visit = this.door.enter(operation, call.metadata);
      const { caller } = visit;
      try {
        const deadlineAtMs = deadlineOf(call);
        return await withCallDeadline(deadlineAtMs, () =>
          work({ signal, deadlineAtMs, caller }, visit),
        );
      } catch (error) {
        throw visit.toldOf(error);
      } finally {
        visit.leave();
      }
    });
  }
}

async function* askedEach<Request>(
  requests: AsyncIterable<Request>,
  visit: Visit,
): AsyncGenerator<Request> {
  for await (const request of requests) yield visit.asked(request);
}

function goneSignal(call: AnyCall): AbortSignal {
  const gone = new AbortController();
  call.on("cancelled", () => {
    gone.abort(new TidepoolError("cancelled", "the caller has gone", { component: "client" }));
  });
  return gone.signal;
}

function deadlineOf(call: AnyCall): number | undefined {
  const deadline = call.getDeadline();
  const atMs = typeof deadline === "number" ? deadline : deadline.getTime();
  return Number.isFinite(atMs) ? atMs : undefined;
}

function parentOf(metadata: Metadata): Context {
  return propagation.extract(ROOT_CONTEXT, metadata, {
    get: (carrier, key) => carrier.get(key).map(String),
    keys: (carrier) => Object.keys(carrier.getMap()),
  });
}
