/**
 * Function URLs: /fn/NAME/… on a port of the frontend's own. A function answers there when its settings have a
 * `url`; each request is one synchronous call, at most once, cancelled when its client goes.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { propagation, ROOT_CONTEXT, SpanKind } from "@opentelemetry/api";
import { messageOf, TidepoolError, withSpan } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { httpMethods } from "../functions/call-settings.ts";
import type { FunctionUrl } from "../functions/call-settings.ts";
import { drainMaxMs, payloadMaxBytes } from "../limits.ts";
import type { AnswerSink } from "../ports.ts";
import { Bodies } from "./bodies.ts";
import { corsHeaders, preflight } from "./cors.ts";
import { foldHeaders, httpEvent } from "./event.ts";
import { httpFailure, HttpRefusal } from "./failure.ts";
import {
  bodyMaxBytes,
  connectionsMaxCount,
  headersMaxBytes,
  headersMaxCount,
  headersTimeoutMs,
  idleConnectionMs,
  requestTimeoutMs,
} from "./limits.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { refuseTunnel, refuseUnread } from "./unread-request.ts";

export interface HttpCall {
  readonly name: string;
  readonly qualifier: string;
  readonly payload: Uint8Array;
  readonly requestId: string;
}

export interface FunctionUrlsOptions {
  /** host:port; port 0 takes a free one. */
  readonly address: string;
  /** @throws TidepoolError `notFound`; undefined when the function has no URL */
  readonly findUrl: (name: string) => Promise<FunctionUrl | undefined>;
  /** The answer, JSON; undefined when all of it went to the sink. */
  readonly call: (
    call: HttpCall,
    sink: AnswerSink,
    signal: AbortSignal,
  ) => Promise<Uint8Array | undefined>;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Target {
  readonly name: string;
  readonly rawPath: string;
  readonly rawQuery: string;
}

export class FunctionUrls {
  private readonly options: FunctionUrlsOptions;
  private readonly logger: Logger;
  private readonly server: Server;
  private readonly bodies = new Bodies();
  /** Connections on which an answer has begun, and has not ended. */
  private readonly answering = new WeakSet<Socket>();
  private isStopping = false;

  constructor(options: FunctionUrlsOptions) {
    this.options = options;
    this.logger = options.logger.child({ part: "function urls" });
    this.server = createServer({
      maxHeaderSize: headersMaxBytes,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: idleConnectionMs,
      // Slow clients are looked for this often.
      connectionsCheckingInterval: 1_000,
      // Node would refuse it without saying why.
      requireHostHeader: false,
    });
    // Node drops what is over its own limit without a word: one more shows that there were too many.
    this.server.maxHeadersCount = headersMaxCount + 1;
    this.server.maxConnections = connectionsMaxCount;
    this.server.on("clientError", (error, socket: Socket) => {
      refuseUnread(error, socket, this.answering.has(socket));
    });
    this.server.on("connect", (_request, socket: Socket) => refuseTunnel(socket));
    const serve = (request: IncomingMessage, response: ServerResponse): void => {
      void this.serve(request, response, false);
    };
    this.server.on("request", serve);
    this.server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      void this.serve(request, response, true);
    });
  }

  /** Resolves with host:port. @throws TidepoolError `unavailable` when the address cannot be had */
  async start(): Promise<string> {
    const { address } = this.options;
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", (error) => {
        const message = `cannot listen on ${address}: ${messageOf(error)}`;
        reject(new TidepoolError("unavailable", message, { cause: error }));
      });
      this.server.listen(Number(address.slice(colon + 1)), host, resolve);
    });
    const { port } = this.server.address() as AddressInfo;
    return `${address.slice(0, colon)}:${port}`;
  }

  /** Takes no new request, and lets those under way finish within drainMaxMs. */
  async stop(): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const late = setTimeout(() => this.server.closeAllConnections(), drainMaxMs);
    await closed;
    clearTimeout(late);
  }

  private async serve(
    request: IncomingMessage,
    response: ServerResponse,
    isAskedFirst: boolean,
  ): Promise<void> {
    const requestId = randomUUID();
    const gone = new AbortController();
    this.answering.add(request.socket);
    response.once("close", () => {
      this.answering.delete(request.socket);
      gone.abort(new TidepoolError("cancelled", "the client has gone", { component: "client" }));
    });
    const writer = new AnswerWriter(request, response, requestId);
    if (this.isStopping) writer.closeAfterwards();
    const { headers } = foldHeaders(request.rawHeaders);
    const parent = propagation.extract(ROOT_CONTEXT, headers);
    try {
      await withSpan("function url", { kind: SpanKind.SERVER, parent }, () =>
        this.answer(request, response, { requestId, writer, headers, isAskedFirst }, gone.signal),
      );
    } catch (error) {
      const isTold =
        error instanceof HttpRefusal ||
        (error instanceof TidepoolError && error.code !== "internal");
      if (!isTold) this.logger.error("request failed", { requestId, error });
      await writer.fail(httpFailure(error, requestId));
    }
  }

  private async answer(
    request: IncomingMessage,
    response: ServerResponse,
    context: {
      readonly requestId: string;
      readonly writer: AnswerWriter;
      readonly headers: Readonly<Record<string, string>>;
      readonly isAskedFirst: boolean;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { requestId, writer, headers } = context;
    requireFewHeaders(request);
    requireHost(request);
    const { name, rawPath, rawQuery } = targetOf(request.url ?? "");
    const url = await this.requireUrl(name);
    const { method = "GET" } = request;
    const origins = url.corsOrigins ?? [];
    const methods = url.methods ?? [];
    writer.addCorsHeaders(corsHeaders(origins, headers["origin"]));
    const asked = preflight(origins, methods, { method, headers });
    if (asked !== undefined) return writer.preflight(asked);
    const allowed = methods.length > 0 ? methods : httpMethods;
    if (!allowed.includes(method)) {
      const allow = allowed.join(", ");
      const message = `function '${name}' answers to ${allow}, not to ${method}`;
      throw new HttpRefusal(405, message, { headers: [["allow", allow]] });
    }
    const body = await this.bodies.read(request, () => {
      if (context.isAskedFirst) response.writeContinue();
    });
    try {
      const event = httpEvent(
        {
          method,
          rawPath,
          rawQuery,
          rawHeaders: request.rawHeaders,
          body: body.bytes,
          protocol: `HTTP/${request.httpVersion}`,
          sourceIp: request.socket.remoteAddress ?? "",
        },
        { functionName: subjects.nameOf(name), requestId, atMs: this.options.clock.nowMs() },
      );
      const payload = payloadOf(event);
      const call = { name, qualifier: url.qualifier ?? "", payload, requestId };
      const answered = await this.options.call(call, writer, signal);
      if (answered === undefined) await writer.end();
      else await writer.whole(answered);
    } finally {
      body.release();
    }
  }

  private async requireUrl(name: string): Promise<FunctionUrl> {
    const url = await this.options.findUrl(name);
    if (url !== undefined) return url;
    throw new HttpRefusal(
      404,
      `function '${name}' has no URL: its setting 'url' turns one on, as tidepool url ${name} --on does`,
    );
  }
}

function payloadOf(event: Record<string, unknown>): Uint8Array {
  const payload = Buffer.from(JSON.stringify(event));
  if (payload.byteLength <= payloadMaxBytes) return payload;
  const told = `the request is an event of ${payload.byteLength} bytes, the limit is ${payloadMaxBytes}`;
  const message = `${told}; its body may have ${bodyMaxBytes} bytes of text`;
  throw new HttpRefusal(413, message, { reason: "payloadTooLarge" });
}

/** @throws HttpRefusal */
function requireFewHeaders({ rawHeaders }: IncomingMessage): void {
  if (rawHeaders.length / 2 <= headersMaxCount) return;
  throw new HttpRefusal(431, `the request has more than ${headersMaxCount} headers, the limit`);
}

/** @throws HttpRefusal */
function requireHost({ headers, httpVersion }: IncomingMessage): void {
  if (httpVersion !== "1.1" || headers.host !== undefined) return;
  throw new HttpRefusal(400, "the request has no header 'host', which HTTP/1.1 asks for");
}

/** @throws HttpRefusal for a path that names no function */
function targetOf(url: string): Target {
  const [, name = "", rest = "", query = ""] =
    /^\/fn\/([^/?#]+)([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  if (name === "") throw new HttpRefusal(404, "functions are at /fn/NAME/");
  if (!subjects.isToken(name)) {
    const message = `no function '${name.slice(0, 80)}'`;
    throw new HttpRefusal(404, message, { reason: "functionUnknown" });
  }
  return { name, rawPath: rest === "" ? "/" : rest, rawQuery: query };
}
