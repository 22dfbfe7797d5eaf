/**
 * An answer that comes as the function writes it: handed on part by part, or, when nobody takes it so,
 * gathered. Counted either way, and refused when it is over its limit.
 */
import { TidepoolError } from "@tidepool/common";
import type { AnswerHead, AnswerSink, InvokeResult } from "./session.ts";

export interface StreamedAnswerLimits {
  /** Of one that is gathered. */
  readonly answerMaxBytes: number;
  readonly streamedAnswerMaxBytes: number;
}

export class StreamedAnswer {
  readonly #head: AnswerHead;
  readonly #sink: AnswerSink | undefined;
  readonly #maxBytes: number;
  /** Grows by doubling, so that many small parts take no more than few large ones. */
  #gathered = Buffer.alloc(0);
  #bytes = 0;
  #isAbandoned = false;

  constructor(head: AnswerHead, sink: AnswerSink | undefined, limits: StreamedAnswerLimits) {
    this.#head = head;
    this.#sink = sink;
    this.#maxBytes = sink === undefined ? limits.answerMaxBytes : limits.streamedAnswerMaxBytes;
  }

  /** A promise, when there is something to wait for before the guest is read on. */
  start(): Promise<void> | void {
    return this.#sink?.onStart(this.#head);
  }

  /** @throws TidepoolError `outputLimit` */
  add(bytes: Uint8Array): Promise<void> | void {
    if (this.#isAbandoned) return;
    this.#bytes += bytes.length;
    if (this.#bytes > this.#maxBytes) {
      const text = `the function's result has more than ${String(this.#maxBytes)} bytes, which is its limit`;
      throw new TidepoolError("outputLimit", text, { reason: "answerTooLarge" });
    }
    if (this.#sink !== undefined) return this.#sink.onChunk(bytes);
    this.#gather(bytes);
  }

  finish(runUs: number): InvokeResult {
    return { payload: this.#payload(), runUs, streamed: this.#head };
  }

  #payload(): Buffer {
    return this.#sink === undefined ? this.#gathered.subarray(0, this.#bytes) : Buffer.alloc(0);
  }

  #gather(bytes: Uint8Array): void {
    if (this.#bytes > this.#gathered.length) {
      const grown = Buffer.alloc(Math.min(this.#maxBytes, 2 * this.#bytes));
      this.#gathered.copy(grown);
      this.#gathered = grown;
    }
    this.#gathered.set(bytes, this.#bytes - bytes.length);
  }

  /** Nobody waits for it any more; what still comes is dropped. */
  abandon(): void {
    this.#isAbandoned = true;
  }
}
