/**
 * Handlers that answer as they go: `awslambda.streamifyResponse((event, responseStream, context) => …)`. The
 * stream's parts leave as they are written; its buffer, and the port below it, hold a fast writer back.
 */
import { Writable } from "node:stream";
import type { Handler } from "./find-handler.ts";
import type { Port } from "./port.ts";

const chunkMaxBytes = 256 * 1024;
/** The mark that tells a handler that streams, as other tools for such handlers know it. */
const streaming = Symbol.for("aws.lambda.runtime.handler.streaming");
const httpContentType = "application/vnd.awslambda.http-integration-response";

export class ResponseStream extends Writable {
  readonly #port: Port;
  readonly #requestId: string;
  #contentType = "";
  #http = "";
  #hasStarted = false;
  #isOpen = true;

  constructor(port: Port, requestId: string) {
    super({ highWaterMark: chunkMaxBytes });
    this.#port = port;
    this.#requestId = requestId;
    // Without a listener an error would end the process; the invocation sees it where it waits.
    this.on("error", () => undefined);
  }

  setContentType(contentType: string): void {
    this.#contentType = contentType;
  }

  /** Status, headers and cookies for HTTP; before the first byte. */
  setHttp(metadata: unknown): void {
    if (this.#hasStarted) throw new Error("the answer has begun: its metadata comes too late");
    this.#contentType ||= httpContentType;
    this.#http = JSON.stringify(metadata);
  }

  /** What is written from now on is for nobody. */
  close(): void {
    this.#isOpen = false;
    this.destroy();
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    if (!this.#isOpen) {
      done(new Error("the invocation has ended"));
      return;
    }
    this.#start();
    for (let at = 0; at < chunk.length; at += chunkMaxBytes) {
      const content = chunk.subarray(at, at + chunkMaxBytes);
      const isLast = at + chunkMaxBytes >= chunk.length;
      this.#port.send({ answerChunk: { content } }, isLast ? () => done() : undefined);
    }
    if (chunk.length === 0) done();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#isOpen) this.#start();
    done();
  }

  #start(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#port.send({
      answerStart: {
        requestId: this.#requestId,
        contentType: this.#contentType,
        http: this.#http,
      },
    });
  }
}

export function isStreaming(handler: Handler): boolean {
  return (handler as unknown as Record<symbol, unknown>)[streaming] === "response";
}

/** For the function's modules, as a global. */
export function offerStreaming(): void {
  const awslambda = {
    streamifyResponse(handler: Handler): Handler {
      if (typeof handler !== "function") throw new TypeError("a handler must be a function");
      return Object.assign(handler, { [streaming]: "response" });
    },
    HttpResponseStream: {
      from(stream: ResponseStream, metadata: unknown): ResponseStream {
        stream.setHttp(metadata);
        return stream;
      },
    },
  };
  Object.defineProperty(globalThis, "awslambda", {
    value: awslambda,
    writable: true,
    configurable: true,
  });
}

/** Settles when all of it has left, or it broke. */
export function whenFinished(stream: ResponseStream): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.writableFinished) resolve();
    if (stream.errored) reject(stream.errored);
    stream.once("finish", resolve);
    stream.once("error", reject);
    stream.once("close", () => {
      if (!stream.writableFinished) reject(new Error("the response stream was destroyed"));
    });
  });
}
