/**
 * Runs one invocation at a time: gathers its payload, calls the handler the way handlers are written
 * (async, returning, with a callback, or onto a stream), and sends the JSON of what came of it.
 */
import type { tidepool } from "@tidepool/proto";
import type { LoadedFunction } from "./code-receiver.ts";
import type { Handler } from "./find-handler.ts";
import { describeThrown } from "./function-error.ts";
import type { Port } from "./port.ts";
import { ResponseStream, isStreaming, whenFinished } from "./response-stream.ts";

const chunkMaxBytes = 256 * 1024;

type Invoke = tidepool.guest.v1.Invoke.$Properties;

interface Running {
  readonly requestId: string;
  readonly startedAtMs: number;
}

export class Invoker {
  readonly #port: Port;
  #function: LoadedFunction | undefined;
  #awaited:
    { readonly invoke: Invoke; readonly parts: Uint8Array[]; missingBytes: number } | undefined;
  #running: Running | undefined;

  constructor(port: Port) {
    this.#port = port;
  }

  use(loaded: LoadedFunction): void {
    this.#function = loaded;
  }

  begin(invoke: Invoke): void {
    const payload = invoke.payload ?? new Uint8Array();
    const missingBytes = (invoke.payloadBytes ?? 0) - payload.length;
    this.#awaited = { invoke, parts: [payload], missingBytes };
    if (missingBytes <= 0) void this.#run();
  }

  addPayload(content: Uint8Array): void {
    if (this.#awaited === undefined) throw new Error("a payload chunk came without an invocation");
    this.#awaited.parts.push(content);
    this.#awaited.missingBytes -= content.length;
    if (this.#awaited.missingBytes <= 0) void this.#run();
  }

  /** Ends the running invocation, if any, and then the process, because of an error that nobody caught. */
  failBecauseOf(thrown: unknown): boolean {
    const running = this.#running;
    if (running === undefined) return false;
    this.#running = undefined;
    this.#port.send(
      {
        invokeFailed: {
          requestId: running.requestId,
          error: describeThrown(thrown),
          runUs: sinceUs(running),
          runtimeEnds: true,
        },
      },
      () => process.exit(1),
    );
    return true;
  }

  async #run(): Promise<void> {
    const loaded = this.#function;
    if (this.#awaited === undefined || loaded === undefined) {
      throw new Error("an invocation came before the code was loaded");
    }
    const { invoke, parts } = this.#awaited;
    this.#awaited = undefined;
    const running: Running = {
      requestId: invoke.requestId ?? "",
      startedAtMs: performance.now(),
    };
    this.#running = running;
    try {
      const event: unknown = JSON.parse(Buffer.concat(parts).toString("utf8") || "null");
      const context = makeContext(loaded, invoke, running.startedAtMs);
      if (isStreaming(loaded.handler)) {
        await this.#stream(running, loaded.handler, event, context);
        return;
      }
      const result = await call(loaded.handler, event, context);
      const json = toJson(result);
      if (this.#running !== running) return;
      this.#answer(running, json);
    } catch (thrown) {
      if (this.#running !== running) return;
      const { requestId } = running;
      const error = describeThrown(thrown);
      this.#port.send({ invokeFailed: { requestId, error, runUs: sinceUs(running) } });
    }
    this.#running = undefined;
  }

  async #stream(
    running: Running,
    handler: Handler,
    event: unknown,
    context: object,
  ): Promise<void> {
    const { requestId } = running;
    const stream = new ResponseStream(this.#port, requestId);
    const finished = whenFinished(stream);
    finished.catch(() => undefined); // awaited below, unless the handler throws at once
    try {
      await Promise.all([handler(event, stream, context), finished]);
    } finally {
      stream.close();
    }
    if (this.#running !== running) return;
    this.#running = undefined;
    this.#port.send({ answerEnd: { requestId, runUs: sinceUs(running) } });
  }

  #answer(running: Running, json: Buffer): void {
    this.#port.send({
      answer: {
        requestId: running.requestId,
        payloadBytes: json.length,
        payload: json.subarray(0, chunkMaxBytes),
        runUs: sinceUs(running),
      },
    });
    for (let at = chunkMaxBytes; at < json.length; at += chunkMaxBytes) {
      this.#port.send({ answerChunk: { content: json.subarray(at, at + chunkMaxBytes) } });
    }
  }
}

function sinceUs(running: Running): number {
  return Math.round((performance.now() - running.startedAtMs) * 1000);
}

function makeContext(loaded: LoadedFunction, invoke: Invoke, startedAtMs: number): object {
  const deadlineAtMs = startedAtMs + (invoke.timeoutMs ?? 0);
  return {
    awsRequestId: invoke.requestId,
    requestId: invoke.requestId,
    functionName: loaded.functionName,
    functionVersion: loaded.functionVersion,
    memoryLimitInMB: String(loaded.memoryLimitMib),
    invokedFunctionArn: functionArn(loaded.functionName, loaded.functionVersion),
    traceparent: invoke.traceparent,
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, Math.round(deadlineAtMs - performance.now())),
  };
}

/** In the form that libraries take apart; it names nothing outside of Tidepool. */
function functionArn(name: string, version: string): string {
  return `arn:aws:lambda:local:000000000000:function:${name}:${version}`;
}

/** A handler that declares a third parameter and returns no promise answers through its callback. */
function call(handler: Handler, event: unknown, context: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const callback = (thrown: unknown, result: unknown): void => {
      if (thrown === undefined || thrown === null) resolve(result);
      else reject(thrown);
    };
    const returned = handler(event, context, callback);
    if (handler.length < 3 || isThenable(returned)) resolve(returned);
  });
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function toJson(result: unknown): Buffer {
  try {
    // undefined, functions and symbols have no JSON.
    return Buffer.from(JSON.stringify(result) ?? "null");
  } catch (thrown) {
    const { message } = describeThrown(thrown);
    const error = new Error(`the handler's result is not JSON: ${message}`, { cause: thrown });
    error.name = "ResultError";
    throw error;
  }
}
