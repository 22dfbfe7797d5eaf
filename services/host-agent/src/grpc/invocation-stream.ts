/**
 * One frontend's stream: many calls at once, told apart by their call id. A call whose stream ends goes on
 * if it runs already, and its VM stays warm; if it still waits, it is given up. One that would be run again
 * elsewhere, or whose answer is streamed, is ended in any case.
 */
import { setMaxListeners } from "node:events";
import { TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import { beginInvocation } from "../invocations/invocation.ts";
import type { InvocationOutcome, InvocationParts, Start } from "../invocations/invocation.ts";
import { RefusedError } from "../invocations/choose-vm.ts";
import { streamCallsMax } from "./limits.ts";
import { OutgoingAnswer } from "./outgoing-answer.ts";
import { failureMessage, outcomeMessages, parseInvokeStart, refusedMessage } from "./wire.ts";
import type { ParsedInvoke } from "./wire.ts";

type FrontendMessage = tidepool.internal.v1.FrontendMessage.$Properties;
type HostMessage = tidepool.internal.v1.HostMessage.$Properties;

/** The other side of the stream. */
export interface Outlet {
  /** Resolves when there is room for more. */
  send(message: HostMessage): Promise<void>;
}

interface Call {
  readonly cancel: AbortController;
  readonly payload: IncomingPayload;
  /** Of a call whose answer may be streamed. */
  readonly answer: OutgoingAnswer | undefined;
}

export class InvocationStream {
  private readonly parts: InvocationParts;
  private readonly outlet: Outlet;
  private readonly logger: Logger;
  private readonly calls = new Map<number, Call>();
  private readonly ended = new AbortController();
  private readonly onNamed: (streamId: string) => void;
  private lastCallId = 0;

  /** @param onNamed told the name that the frontend has for the stream, once or more often */
  constructor(
    parts: InvocationParts,
    outlet: Outlet,
    logger: Logger,
    onNamed: (streamId: string) => void = () => {},
  ) {
    this.onNamed = onNamed;
    this.parts = parts;
    this.outlet = outlet;
    this.logger = logger;
    // All its calls may listen: their number says nothing of a leak.
    setMaxListeners(0, this.ended.signal);
  }

  receive({ invoke, chunk, cancel, credit, ping }: FrontendMessage): void {
    if (this.ended.signal.aborted) return;
    if (ping) {
      this.onNamed(ping.streamId ?? "");
      void this.outlet.send({ pong: {} });
    } else if (credit) this.calls.get(credit.callId ?? 0)?.answer?.addRoom(credit.bytes ?? 0);
    else if (invoke) void this.begin(invoke);
    else if (chunk) this.calls.get(chunk.callId ?? 0)?.payload.add(chunk.content ?? none);
    else if (cancel) {
      const reason = new TidepoolError("cancelled", "the caller cancelled the call");
      this.calls.get(cancel.callId ?? 0)?.cancel.abort(reason);
    }
  }

  /** Takes nothing more. @returns the last call that came; 0 for none */
  end(): number {
    this.ended.abort(new TidepoolError("cancelled", "the caller's stream ended"));
    return this.lastCallId;
  }

  private async begin(message: tidepool.internal.v1.InvokeStart.$Properties): Promise<void> {
    const callId = message.callId ?? 0;
    this.lastCallId = callId;
    try {
      if (this.calls.size >= streamCallsMax || this.calls.has(callId)) {
        throw new RefusedError(
          "unavailable",
          `stream takes at most ${streamCallsMax} calls, each with an id of its own`,
        );
      }
      const request = parseInvokeStart(message);
      const payload = new IncomingPayload(request.payloadBytes);
      payload.add(request.payload);
      const cancel = new AbortController();
      const answer = request.isStreamed
        ? new OutgoingAnswer(callId, (part) => this.outlet.send(part))
        : undefined;
      const call = { cancel, payload, answer };
      this.calls.set(callId, call);
      const outcome = await this.run(callId, request, call);
      for (const part of outcomeMessages(callId, outcome)) await this.outlet.send(part);
    } catch (thrown) {
      const error = TidepoolError.from(thrown);
      if (error.code === "internal") this.logger.error("call failed", { error });
      await this.outlet.send(
        error instanceof RefusedError
          ? refusedMessage(callId, error)
          : failureMessage(callId, error),
      );
    }
  }

  private async run(
    callId: number,
    request: ParsedInvoke,
    { cancel, payload, answer }: Call,
  ): Promise<InvocationOutcome> {
    const abandoned = this.ended.signal;
    const end = (): void => cancel.abort(abandoned.reason);
    if (request.endsWithStream) abandoned.addEventListener("abort", end, { once: true });
    const sink = answer === undefined ? undefined : (start: Start) => answer.from(start);
    try {
      const signals = { cancelled: cancel.signal, abandoned };
      return await beginInvocation(this.parts, { ...request, sink }, payload.whole, signals);
    } finally {
      abandoned.removeEventListener("abort", end);
      answer?.end();
      this.calls.delete(callId);
    }
  }
}

const none = new Uint8Array();

/** A payload of known size that comes in parts. */
class IncomingPayload {
  readonly whole: Promise<Uint8Array>;
  private readonly parts: Uint8Array[] = [];
  private bytesLeft: number;
  private resolve: (bytes: Uint8Array) => void = () => {};
  private reject: (error: TidepoolError) => void = () => {};

  constructor(payloadBytes: number) {
    this.bytesLeft = payloadBytes;
    this.whole = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.whole.catch(() => {}); // the call may have ended before
  }

  add(bytes: Uint8Array): void {
    this.bytesLeft -= bytes.length;
    this.parts.push(bytes);
    if (this.bytesLeft === 0) this.resolve(Buffer.concat(this.parts));
    if (this.bytesLeft < 0) {
      this.reject(new TidepoolError("invalid", "payload is longer than its payload_bytes"));
    }
  }
}
