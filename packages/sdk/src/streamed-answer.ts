/**
 * An answer as the function writes it. It is asked for when its beginning or its bytes are, and is read no
 * faster than its bytes are taken.
 *
 * Sent again only as long as the server says that nothing was started. After its beginning never.
 */
import { TidepoolError } from "@tidepool/common";
import { tidepoolService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { callDetails, withRequestId } from "./call-error.ts";
import type { Caller } from "./caller.ts";
import { parseInvokeResult } from "./parse.ts";
import type { CallLimits } from "./transport.ts";
import type { InvokeResult } from "./types.ts";

export interface StreamBegin {
  readonly requestId: string;
  /** "application/json" of a function that does not stream. */
  readonly contentType: string;
  /** What the function set for HTTP; undefined when it set nothing. */
  readonly http: unknown;
}

export type StreamEnd = Omit<InvokeResult, "payload">;

type Part = tidepool.v1.InvokePart.$Properties;

export class StreamedAnswer implements AsyncIterable<Uint8Array> {
  private readonly caller: Caller;
  private readonly request: tidepool.v1.InvokeRequest.$Properties;
  private readonly limits: CallLimits;
  private parts: AsyncIterator<Part> | undefined;
  private beginning: Promise<StreamBegin> | undefined;
  private settleEnd: { resolve(end: StreamEnd): void; reject(error: unknown): void } | undefined;
  /** Settles when all bytes have been taken, or with why they never will be. */
  readonly end: Promise<StreamEnd>;

  constructor(caller: Caller, request: tidepool.v1.InvokeRequest.$Properties, limits: CallLimits) {
    this.caller = caller;
    this.request = request;
    this.limits = limits;
    this.end = new Promise((resolve, reject) => {
      this.settleEnd = { resolve, reject };
    });
    this.end.catch(() => {}); // told by the iteration too
  }

  /** What the function said before its first byte. */
  get begin(): Promise<StreamBegin> {
    this.beginning ??= this.read();
    return this.beginning;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      await this.begin;
      for (;;) {
        const part = await this.next();
        if (part.chunk) yield part.chunk;
        if (!part.end) continue;
        const { payload: _, ...end } = parseInvokeResult({
          ...part.end,
          payload: new Uint8Array(),
        });
        return this.settleEnd?.resolve(end);
      }
    } catch (error) {
      this.settleEnd?.reject(error);
      throw error;
    } finally {
      // Left in the middle: the call is ended in the VM too.
      await this.parts?.return?.();
      this.settleEnd?.reject(cancelled(undefined));
    }
  }

  private read(): Promise<StreamBegin> {
    const { signal } = this.limits;
    const begin = this.caller.repeat(
      async () => {
        const { transport } = this.caller;
        const stream = transport.serverStream(
          tidepoolService.invokeStream,
          this.request,
          signal,
          this.limits.timeoutMs,
        );
        this.parts = stream[Symbol.asyncIterator]();
        return parseBegin(await this.next());
      },
      (error) => callDetails(error).maySendAgain,
      signal,
    );
    begin.catch((error: unknown) => {
      this.settleEnd?.reject(error);
      // Nobody may come for its bytes: the call is not to go on.
      void this.parts?.return?.();
    });
    return begin;
  }

  private async next(): Promise<Part> {
    const { signal } = this.limits;
    const next = await this.parts?.next().catch((error: unknown) => {
      throw withRequestId(error, this.request.requestId ?? "");
    });
    if (next?.done === false) return next.value;
    if (signal?.aborted) throw cancelled(signal.reason);
    throw new TidepoolError("internal", "the answer ended without its end");
  }
}

function parseBegin({ begin }: Part): StreamBegin {
  const { requestId, contentType, metadata } = begin ?? {};
  const text = new TextDecoder().decode(metadata ?? new Uint8Array());
  return {
    requestId: requestId ?? "",
    contentType: contentType ?? "",
    http: text === "" ? undefined : parseHttp(text),
  };
}

function parseHttp(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TidepoolError("functionError", "the function's answer begins with no JSON object", {
      cause,
      component: "function",
      reason: "malformedAnswer",
    });
  }
}

function cancelled(cause: unknown): TidepoolError {
  return new TidepoolError("cancelled", "the call was cancelled", { cause, component: "client" });
}
