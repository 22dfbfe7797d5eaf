/** Writes one HTTP answer: whole, or as the function streams it; and no second one after the first byte. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { TidepoolError } from "@tidepool/common";
import { answerHead, httpAnswer } from "./answer.ts";
import { requestIdHeader } from "./cors.ts";
import type { HttpFailure } from "./failure.ts";
import { slowReaderMs } from "./limits.ts";

type Headers = readonly (readonly [string, string])[];

/** The content type of a stream whose metadata has the true one. */
const inMetadata = "application/vnd.awslambda.http-integration-response";

export class AnswerWriter {
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private ours: Headers;
  private isCorsOurs = false;
  /** What the function said of its answer HTTP cannot hold. */
  private broken: unknown;

  constructor(request: IncomingMessage, response: ServerResponse, requestId: string) {
    this.request = request;
    this.response = response;
    this.ours = [[requestIdHeader, requestId]];
    // A client that has gone is no error of anybody's: the call is cancelled by "close".
    response.on("error", () => {});
  }

  /** For the answer, whatever it becomes. What the function says of CORS gives way to what its settings say. */
  addCorsHeaders(headers: Headers): void {
    this.ours = [...this.ours, ...headers];
    this.isCorsOurs = headers.length > 0;
  }

  /** The connection is not used again. */
  closeAfterwards(): void {
    this.response.shouldKeepAlive = false;
  }

  /** Of a streamed answer. Where the function said what HTTP cannot hold, the first write tells. */
  begin(contentType: string, metadata: Uint8Array): void {
    try {
      const head = metadata.byteLength === 0 ? {} : parseMetadata(metadata);
      const { status, headers } = answerHead({ statusCode: 200, ...head });
      const isOwn = contentType !== "" && contentType !== inMetadata;
      const typed: Headers = isOwn
        ? [...without(headers, ["content-type"]), ["content-type", contentType]]
        : headers;
      this.writeHead(status, typed);
      this.response.flushHeaders();
    } catch (error) {
      this.broken = error;
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    if (this.response.destroyed) return;
    if (this.response.write(chunk)) return;
    await this.taken("drain");
  }

  async end(): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    await this.finish(undefined);
  }

  async whole(payload: Uint8Array): Promise<void> {
    const { status, headers, body } = httpAnswer(payload);
    this.writeHead(status, [...headers, ...lengthOf(status, body)]);
    await this.finish(isBodiless(status) ? undefined : body);
  }

  /** Of nothing but what is said of CORS. */
  async preflight(headers: Headers): Promise<void> {
    this.ours = without(
      this.ours,
      headers.map(([name]) => name),
    );
    this.addCorsHeaders(headers);
    this.writeHead(204, []);
    await this.finish(undefined);
  }

  /** After the first byte there is no other answer: the client sees it cut off. */
  async fail({ status, headers, body }: HttpFailure): Promise<void> {
    if (this.response.destroyed) return;
    if (this.response.headersSent) {
      this.response.destroy();
      return;
    }
    // The rest of a request that was not read would be taken for the next one.
    if (!this.request.complete) this.response.shouldKeepAlive = false;
    this.writeHead(status, [...headers, ...lengthOf(status, body)]);
    await this.finish(body);
  }

  private writeHead(status: number, headers: Headers): void {
    const taken = this.ours.map(([name]) => name);
    const theirs = this.isCorsOurs
      ? headers.filter(([name]) => !name.toLowerCase().startsWith("access-control-"))
      : headers;
    for (const [name, value] of [...without(theirs, taken), ...this.ours]) {
      this.response.appendHeader(name, value);
    }
    this.response.writeHead(status);
  }

  private async finish(body: Uint8Array | undefined): Promise<void> {
    if (this.response.destroyed) return;
    if (body === undefined) this.response.end();
    else this.response.end(body);
    await this.taken("finish");
  }

  /** A client that takes nothing is given up: without a listener, Node ends a connection that timed out. */
  private async taken(event: "drain" | "finish"): Promise<void> {
    this.response.setTimeout(slowReaderMs);
    const done = new AbortController();
    const { signal } = done;
    const gone = once(this.response, "close", { signal });
    await Promise.race([once(this.response, event, { signal }), gone]).catch(() => {});
    done.abort();
    this.response.setTimeout(0);
  }
}

function without(headers: Headers, names: readonly string[]): Headers {
  return headers.filter(([name]) => !names.includes(name.toLowerCase()));
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 304;
}

function lengthOf(status: number, body: Uint8Array): Headers {
  return isBodiless(status) ? [] : [["content-length", String(body.byteLength)]];
}

function parseMetadata(metadata: Uint8Array): Record<string, unknown> {
  try {
    const parsed = JSON.parse(Buffer.from(metadata).toString()) as unknown;
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Told below: the function said something else.
  }
  throw new TidepoolError("functionError", "the function's answer begins with no JSON object", {
    component: "function",
    reason: "malformedAnswer",
  });
}
