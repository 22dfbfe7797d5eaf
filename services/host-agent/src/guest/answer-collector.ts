/** Puts one invocation's answer together from its parts, and refuses one that is over the limit before it is stored. */
import { TidepoolError } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import type { InvokeResult } from "./session.ts";

export class AnswerCollector {
  readonly #maxBytes: number;
  #requestId: string | undefined;
  /** Of the size that was announced, so that many small parts take no more than few large ones. */
  #payload = Buffer.alloc(0);
  #missingBytes = 0;
  #runUs = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  expect(requestId: string): void {
    this.#requestId = requestId;
    this.#payload = Buffer.alloc(0);
    this.#missingBytes = 0;
  }

  /** Throws when the guest answers another request than the one it runs. */
  check(requestId: string | null | undefined): void {
    if (this.#requestId === undefined || requestId !== this.#requestId) {
      throw new Error("an answer to a request that does not run");
    }
  }

  /** The same, and the request has its answer. */
  confirm(requestId: string | null | undefined): void {
    this.check(requestId);
    this.#requestId = undefined;
  }

  begin(answer: tidepool.guest.v1.Answer.$Properties): InvokeResult | undefined {
    this.confirm(answer.requestId);
    const bytes = answer.payloadBytes ?? 0;
    if (bytes > this.#maxBytes) {
      const text = `the function's result has ${String(bytes)} bytes, limit is ${String(this.#maxBytes)}`;
      throw new TidepoolError("outputLimit", text, { reason: "answerTooLarge" });
    }
    this.#runUs = answer.runUs ?? 0;
    this.#missingBytes = bytes;
    this.#payload = Buffer.allocUnsafe(bytes);
    return this.#take(answer.payload);
  }

  add(chunk: tidepool.guest.v1.AnswerChunk.$Properties): InvokeResult | undefined {
    if (this.#missingBytes === 0) throw new Error("a part of an answer that is complete");
    return this.#take(chunk.content);
  }

  #take(part: Uint8Array | null | undefined): InvokeResult | undefined {
    const bytes = part ?? new Uint8Array();
    if (bytes.length > this.#missingBytes)
      throw new Error("an answer that is longer than announced");
    this.#payload.set(bytes, this.#payload.length - this.#missingBytes);
    this.#missingBytes -= bytes.length;
    if (this.#missingBytes > 0) return undefined;
    const payload = this.#payload;
    this.#payload = Buffer.alloc(0);
    return { payload, runUs: this.#runUs };
  }
}
