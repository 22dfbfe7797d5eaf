/**
 * Calls over one gRPC connection as promises and async iterators, each in a CLIENT span whose context goes
 * along, with a deadline, and cancelled by the caller's signal.
 */
import { context, propagation, SpanKind } from "@opentelemetry/api";
import {
  connectivityState,
  credentials,
  makeGenericClientConstructor,
  Metadata,
} from "@grpc/grpc-js";
import type {
  CallOptions,
  ChannelCredentials,
  ClientWritableStream,
  ServiceError,
} from "@grpc/grpc-js";
import { systemClock, TidepoolError, whyUnreachable, withSpan } from "@tidepool/common";
import { tidepoolService } from "@tidepool/proto";
import type { MethodDefinition } from "@tidepool/proto";
import { callError } from "./call-error.ts";
import { targetOf } from "./target.ts";

export interface CallLimits {
  /** Longest this call may take; no deadline when absent. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Largest message in either direction, bytes: above the server's own limits, whose errors say more. */
const messageMaxBytes = 64 * 1024 * 1024;

/**
 * While calls wait, the server is asked so often whether it is there. One whose machine has lost its power or its link
 * says nothing to anybody: calls go there, and none comes back, until this is noticed.
 */
const keepaliveEveryMs = 2_000;
const keepaliveAnswerMaxMs = 5_000;

/** Without any connection a call would fail unsent. Frontends that are restarted one after the other are soon there again. */
const reconnectWaitMaxMs = 3_000;
/** Longest that gRPC is asked why no connection stands. */
const lastFailureMaxMs = 500;

export interface TlsOptions {
  /** PEM of who is trusted; the system's authorities when absent. */
  readonly ca?: string | Uint8Array;
}

/** Calls go in turn to every frontend that a name or a list stands for, and to none that is away. */
const serviceConfig = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });

const GrpcClient = makeGenericClientConstructor(tidepoolService, "Tidepool");

export class Transport {
  private readonly address: string;
  private readonly client: InstanceType<typeof GrpcClient>;
  private readonly token: string | undefined;
  private readonly hasTls: boolean;

  /** @param token goes along with each call */
  constructor(address: string, tls?: TlsOptions, token?: string) {
    this.address = address;
    this.token = checkedToken(token);
    this.hasTls = tls !== undefined;
    this.client = new GrpcClient(targetOf(address), credentialsOf(tls), {
      "grpc.service_config": serviceConfig,
      // A proxy of the environment is for the way out, and a platform of one's own is not there.
      "grpc.enable_http_proxy": 0,
      "grpc.max_receive_message_length": messageMaxBytes,
      "grpc.max_send_message_length": messageMaxBytes,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 2_000,
      "grpc.keepalive_time_ms": keepaliveEveryMs,
      "grpc.keepalive_timeout_ms": keepaliveAnswerMaxMs,
    });
  }

  /** @throws TidepoolError `unavailable` when no connection stands in time */
  async ready(timeoutMs: number): Promise<void> {
    const cause = await new Promise<Error | undefined>((resolve) => {
      this.client.waitForReady(systemClock.nowMs() + timeoutMs, resolve);
    });
    if (cause !== undefined) throw await this.noAnswer(timeoutMs, cause);
  }

  private async noAnswer(timeoutMs: number, cause?: Error): Promise<TidepoolError> {
    const found = whyUnreachable(await this.lastFailure(), this.hasTls ? "server's" : "none");
    const why = found === undefined ? "" : `: ${found.why}`;
    const message = `no tidepool answers at ${this.address} in ${timeoutMs} ms${why}`;
    return new TidepoolError("unavailable", message, {
      cause,
      component: "client",
      details: { isTls: found?.isTls === true },
    });
  }

  /** What gRPC tells a call while no connection stands; nothing is sent. */
  private lastFailure(): Promise<string> {
    const { path, requestSerialize, responseDeserialize } = tidepoolService.listFunctions;
    const deadline = systemClock.nowMs() + lastFailureMaxMs;
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        {},
        new Metadata(),
        { deadline },
        (error) => resolve(error?.details ?? ""),
      );
    });
  }

  close(): void {
    this.client.close();
  }

  async unary<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response> {
    const left = await this.reconnected(limits);
    return this.inSpan(method, left, (metadata, options, settle) =>
      this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        options,
        settle,
      ),
    );
  }

  /** Sends while the server reads; a server that has answered gets no more. */
  async clientStream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    requests: AsyncIterable<Request>,
    limits: CallLimits,
  ): Promise<Response> {
    const left = await this.reconnected(limits);
    let call: ClientWritableStream<Request> | undefined;
    let isAnswered = false;
    const answer = this.inSpan<Response>(method, left, (metadata, options, settle) => {
      call = this.client.makeClientStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        metadata,
        options,
        (error, response) => {
          isAnswered = true;
          settle(error, response);
        },
      );
      return call;
    });
    const stream = call;
    let sourceFailure: unknown;
    if (stream !== undefined) {
      send(stream, requests, () => isAnswered).catch((error: unknown) => {
        sourceFailure = error;
        stream.cancel();
      });
    }
    try {
      return await answer;
    } catch (error) {
      if (sourceFailure === undefined) throw error;
      throw TidepoolError.from(sourceFailure);
    }
  }

  /** Ends quietly when the signal aborts. */
  async *serverStream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    signal: AbortSignal | undefined,
    timeoutMs?: number,
  ): AsyncGenerator<Response> {
    const left = await this.reconnected({ signal, timeoutMs });
    const stream = this.client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      outgoingMetadata(this.token),
      left.timeoutMs === undefined ? {} : { deadline: systemClock.nowMs() + left.timeoutMs },
    );
    const cancel = (): void => stream.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    try {
      for await (const response of stream as AsyncIterable<Response>) yield response;
    } catch (error) {
      if (!signal?.aborted) throw callError(error, this.address);
    } finally {
      signal?.removeEventListener("abort", cancel);
      stream.cancel();
    }
  }

  /** @returns what is left of the call's limits. @throws TidepoolError `unavailable` where that is no time: it was not sent */
  private async reconnected(limits: CallLimits): Promise<CallLimits> {
    const state = this.client.getChannel().getConnectivityState(true);
    // While it only connects, gRPC would let the call wait, and fail it with the first attempt that does.
    if (state === connectivityState.READY) return limits;
    const { timeoutMs, signal } = limits;
    const beganAtMs = systemClock.nowMs();
    await new Promise<void>((resolve) => {
      const waitMs = Math.min(reconnectWaitMaxMs, timeoutMs ?? Infinity);
      const end = (): void => {
        signal?.removeEventListener("abort", end);
        resolve();
      };
      signal?.addEventListener("abort", end, { once: true });
      this.client.waitForReady(beganAtMs + waitMs, end);
    });
    if (timeoutMs === undefined || signal?.aborted === true) return limits;
    const leftMs = timeoutMs - (systemClock.nowMs() - beganAtMs);
    if (leftMs <= 0) throw await this.noAnswer(timeoutMs);
    return { ...limits, timeoutMs: leftMs };
  }

  private inSpan<Response>(
    method: { readonly path: string },
    { timeoutMs, signal }: CallLimits,
    begin: (
      metadata: Metadata,
      options: CallOptions,
      settle: (error: ServiceError | null, response?: Response) => void,
    ) => { cancel(): void },
  ): Promise<Response> {
    return withSpan(method.path.slice(1), { kind: SpanKind.CLIENT }, () => {
      if (signal?.aborted) return Promise.reject(cancelled(signal));
      return new Promise<Response>((resolve, reject) => {
        const options: CallOptions =
          timeoutMs === undefined ? {} : { deadline: systemClock.nowMs() + timeoutMs };
        const cancel = (): void => call.cancel();
        const call = begin(outgoingMetadata(this.token), options, (error, response) => {
          signal?.removeEventListener("abort", cancel);
          if (error === null && response !== undefined) return resolve(response);
          reject(signal?.aborted ? cancelled(signal) : callError(error, this.address));
        });
        signal?.addEventListener("abort", cancel, { once: true });
      });
    });
  }
}

function cancelled(signal: AbortSignal): TidepoolError {
  return new TidepoolError("cancelled", "the call was cancelled", {
    cause: signal.reason,
    component: "client",
  });
}

function outgoingMetadata(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  propagation.inject(context.active(), metadata, {
    set: (carrier, key, value) => carrier.set(key, value),
  });
  return metadata;
}

async function send<Request>(
  stream: ClientWritableStream<Request>,
  requests: AsyncIterable<Request>,
  isAnswered: () => boolean,
): Promise<void> {
  for await (const request of requests) {
    if (isAnswered()) return;
    await new Promise<void>((resolve) => {
      // Also called when the call has ended: the answer says why.
      stream.write(request, () => resolve());
    });
  }
  stream.end();
}

/** Never told back: it is a secret. @throws TidepoolError `invalid` for what no header can carry */
function checkedToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token;
  throw new TidepoolError("invalid", "the token is empty or has characters that no token has", {
    component: "client",
  });
}

function credentialsOf(tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.ca === undefined ? null : Buffer.from(tls.ca));
}
