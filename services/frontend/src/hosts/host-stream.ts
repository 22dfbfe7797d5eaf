/**
 * The one long-lived stream to one host, opened at the first call and again after it broke.
 *
 * A call is refused while no connection stands, since nothing can have run. When a stream breaks, the host is asked
 * over NATS which calls had come to it: those are lost, since it may have started them, the others are refused. From
 * then on the connection is tried until it stands again.
 */
import { randomUUID } from "node:crypto";
import { connectivityState, makeGenericClientConstructor } from "@grpc/grpc-js";
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import {
  clientCredentials,
  messageOf,
  systemClock,
  TidepoolError,
  traceparentOf,
  whyUnreachable,
} from "@tidepool/common";
import type { Logger, TlsFiles } from "@tidepool/common";
import { hostService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { answerMaxBytes, grpcMessageMaxBytes, hostConnectMaxMs } from "../limits.ts";
import type { HostAnswer, HostCall } from "../ports.ts";
import { parseHostMessage } from "./host-message.ts";
import type { AnswerBegin, HostPart } from "./host-message.ts";
import { IncomingAnswer } from "./incoming-answer.ts";
import { isLater, settleAfter, settleLost, settleUnsent } from "./open-calls.ts";
import type { OpenCall } from "./open-calls.ts";
import { Outbox } from "./outbox.ts";
import { quietLookMs, QuietWatch } from "./quiet-watch.ts";

type Stream = ClientDuplexStream<
  tidepool.internal.v1.FrontendMessage.$Properties,
  tidepool.internal.v1.HostMessage.$Properties
>;

export interface HostStreamOptions {
  readonly address: string;
  readonly logger: Logger;
  readonly tls?: TlsFiles | undefined;
  /** Whether NATS is away from here. */
  readonly isCutOff: () => boolean;
  /** The last call that came to the host on that stream, of which it takes nothing more. */
  readonly endAtHost: (streamId: string) => Promise<number>;
  /** Told when it changes how the host is to be reached. */
  readonly onReach: (reach: Reach) => void;
}

/** `quiet`: it has not answered for a moment, for whatever reason. `lost`: no connection stands. */
export type Reach = "well" | "quiet" | "lost";

const HostClient = makeGenericClientConstructor(hostService, "Host");
const callIdMax = 2 ** 32 - 1;
/** Longest that gRPC is asked why no connection stands. */
const lastFailureMaxMs = 300;
/** A host that says nothing for so long is asked, and is lost when it does not answer: its calls wait in vain no longer. */
const hostPingMs = 2_000;
const hostPingMaxMs = 2_000;

export class HostStream {
  private readonly options: HostStreamOptions;
  private readonly logger: Logger;
  private readonly client: InstanceType<typeof HostClient>;
  private readonly calls = new Map<number, OpenCall>();
  private readonly watch = new QuietWatch(() => this.ping());
  /** While the stream is in use. */
  private timer: NodeJS.Timeout | undefined;
  private outbox = new Outbox();
  private stream: Stream | undefined;
  private streamId = "";
  private opening: Promise<void> | undefined;
  private reach: Reach = "well";
  private isClosed = false;
  private isFull = false;
  private lastCallId = 0;

  constructor(options: HostStreamOptions) {
    const { address, logger, tls } = options;
    this.options = options;
    this.logger = logger.child({ part: "host stream", address });
    this.client = new HostClient(address, clientCredentials(tls), {
      "grpc.enable_http_proxy": 0,
      // A retried stream could run a call twice.
      "grpc.enable_retries": 0,
      "grpc.max_receive_message_length": grpcMessageMaxBytes,
      "grpc.keepalive_time_ms": hostPingMs,
      "grpc.keepalive_timeout_ms": hostPingMaxMs,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1_000,
      // Each host its own connection, closed with this object.
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  /** @throws TidepoolError `cancelled` or `timeout` (the signal's reason) after telling the host */
  async call(call: HostCall, signal: AbortSignal): Promise<HostAnswer> {
    if (this.stream === undefined) {
      try {
        await (this.opening ??= this.open());
      } catch (error) {
        if (this.reach !== "lost")
          this.logger.warn("host cannot be reached", { error: messageOf(error) });
        this.lose();
        return { kind: "refused", failure: this.unreachable(error) };
      } finally {
        this.opening = undefined;
      }
    }
    signal.throwIfAborted();
    const callId = this.nextCallId();
    return new Promise<HostAnswer>((resolve, reject) => {
      const abandon = (error: Error): void => {
        if (!this.calls.delete(callId)) return;
        open.streamed?.stop();
        signal.removeEventListener("abort", onAbort);
        this.outbox.cancel(callId);
        this.pump();
        reject(error);
      };
      const onAbort = (): void => abandon(signal.reason as Error);
      signal.addEventListener("abort", onAbort, { once: true });
      const settle = (answer: HostAnswer): void => {
        this.calls.delete(callId);
        signal.removeEventListener("abort", onAbort);
        resolve(answer);
      };
      const { deadlineAtMs, payload, sink, ...rest } = call;
      const isStreamed = sink !== undefined;
      const open: OpenCall = {
        callId,
        settle,
        abandon,
        sink,
        partial: undefined,
        streamed: undefined,
      };
      this.calls.set(callId, open);
      const deadlineMs = Math.max(1, Math.floor(deadlineAtMs - systemClock.nowMs()));
      const traceparent = traceparentOf();
      const isCutOff = this.options.isCutOff();
      this.watch.used(performance.now());
      this.timer ??= setInterval(() => this.look(), quietLookMs);
      this.outbox.start(
        { ...rest, callId, deadlineMs, traceparent, isStreamed, isCutOff },
        payload,
      );
      this.pump();
    });
  }

  get isIdle(): boolean {
    return this.calls.size === 0;
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.timer);
    this.stream?.cancel();
    this.client.close();
  }

  private open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.waitForReady(systemClock.nowMs() + hostConnectMaxMs, (error) => {
        if (error !== undefined) return void this.lastFailure(error).then(reject);
        this.begin();
        resolve();
      });
    });
  }

  /** What gRPC tells a stream while no connection stands; nothing is sent. */
  private lastFailure(late: Error): Promise<Error> {
    const state = this.client.getChannel().getConnectivityState(false);
    if (state !== connectivityState.TRANSIENT_FAILURE) return Promise.resolve(late);
    const { path, requestSerialize, responseDeserialize } = hostService.invocations;
    const stream = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, {
      deadline: systemClock.nowMs() + lastFailureMaxMs,
    });
    return new Promise((resolve) => {
      const shown = this.options.tls === undefined ? "none" : "both";
      stream.once("error", ({ details }: ServiceError) => {
        const found = whyUnreachable(details, shown);
        resolve(new Error(found?.why ?? details, { cause: late }));
      });
    });
  }

  private begin(): void {
    const path = hostService.invocations;
    const stream: Stream = this.client.makeBidiStreamRequest(
      path.path,
      path.requestSerialize,
      path.responseDeserialize,
    );
    this.stream = stream;
    this.streamId = randomUUID();
    this.outbox = new Outbox();
    this.isFull = false;
    this.watch.begin(performance.now());
    this.tell("well");
    stream.on("data", (message) => this.receive(stream, message));
    stream.on("drain", () => {
      this.isFull = false;
      this.pump();
    });
    stream.on("error", (error) => this.broke(stream, error));
    stream.on("end", () => this.broke(stream, new Error("the host ended it")));
  }

  /** The first message of a stream: its answer shows that the host knows the stream's name. */
  private ping(): void {
    this.outbox.ping(this.streamId);
    this.pump();
  }

  private look(): void {
    if (this.stream === undefined || !this.watch.isInUse(performance.now())) {
      clearInterval(this.timer);
      this.timer = undefined;
      return;
    }
    // A stream that takes no more is full of large payloads: the host is busy reading.
    const isQuiet = this.watch.look(performance.now()) && !this.isFull;
    this.tell(isQuiet ? "quiet" : "well");
  }

  private tell(reach: Reach): void {
    if (reach === this.reach || this.isClosed) return;
    this.reach = reach;
    this.options.onReach(reach);
  }

  /** No connection stands: it is tried until one does. */
  private lose(): void {
    if (this.reach === "lost" || this.isClosed) return;
    this.tell("lost");
    const tryAgain = (): void => {
      if (this.isClosed || this.reach !== "lost") return;
      this.client.waitForReady(systemClock.nowMs() + hostConnectMaxMs, (error) => {
        if (error === undefined) this.tell("well");
        else tryAgain();
      });
    };
    tryAgain();
  }

  private pump(): void {
    const { stream } = this;
    while (stream !== undefined && !this.isFull) {
      const message = this.outbox.next();
      if (message === undefined) return;
      this.isFull = !stream.write(message);
    }
  }

  private receive(stream: Stream, message: tidepool.internal.v1.HostMessage.$Properties): void {
    if (stream !== this.stream) return;
    const isPong = (message.pong ?? undefined) !== undefined;
    this.watch.heard(performance.now(), isPong);
    if (this.reach === "quiet") this.tell("well");
    const part = isPong ? undefined : parseHostMessage(message);
    // A cancelled call's answer may still come.
    const open = part === undefined ? undefined : this.calls.get(part.callId);
    if (part === undefined || open === undefined) return;
    if (part.begin !== undefined) this.receiveBegin(open, part.begin);
    else if (open.streamed !== undefined) this.receiveStreamed(open, open.streamed, part);
    else if (part.answer !== undefined && part.answer.kind !== "result") open.settle(part.answer);
    else this.receivePayload(open, part);
  }

  private receiveBegin(open: OpenCall, begin: AnswerBegin): void {
    const { sink, callId } = open;
    if (sink === undefined || open.streamed !== undefined) return;
    const credit = (bytes: number): void => {
      if (!this.calls.has(callId)) return;
      this.outbox.credit(callId, bytes);
      this.pump();
    };
    open.streamed = new IncomingAnswer(begin, sink, credit, open.abandon);
  }

  private receiveStreamed(open: OpenCall, streamed: IncomingAnswer, part: HostPart): void {
    const { answer, content } = part;
    if (answer === undefined) return streamed.add(content);
    const settled: HostAnswer = answer.kind === "result" ? { ...answer, isStreamed: true } : answer;
    void settleAfter(open, streamed, settled);
  }

  private receivePayload(open: OpenCall, { answer, content, payloadBytes }: HostPart): void {
    if (answer !== undefined) {
      if (payloadBytes > answerMaxBytes) return open.settle(tooLong(answer, payloadBytes));
      open.partial = { answer, parts: [], missing: payloadBytes };
    }
    const { partial } = open;
    if (partial === undefined) return;
    partial.parts.push(content);
    partial.missing -= content.byteLength;
    if (partial.missing > 0 || partial.answer.kind !== "result") return;
    const payload = partial.parts.length === 1 ? content : Buffer.concat(partial.parts, undefined);
    open.settle({ ...partial.answer, payload });
  }

  private broke(stream: Stream, error: Error): void {
    if (stream !== this.stream) return;
    this.stream = undefined;
    this.logger.warn("connection to a host lost", {
      error: messageOf(error),
      callCount: this.calls.size,
    });
    this.lose();
    const lost = [...this.calls.values()];
    if (lost.length > 0) void this.settleBroken(lost, error);
  }

  private async settleBroken(lost: readonly OpenCall[], error: Error): Promise<void> {
    const { address, endAtHost } = this.options;
    // Before its first pong the host knows no such stream.
    const asked = this.watch.hasAnswered ? endAtHost(this.streamId) : Promise.reject(error);
    const lastCallId = await asked.catch(() => undefined);
    for (const open of lost) {
      if (!this.calls.has(open.callId)) continue; // given up meanwhile
      const hasCome = lastCallId === undefined || !isLater(open.callId, lastCallId);
      if (hasCome) settleLost(open, address, error);
      else settleUnsent(open, address, error);
    }
  }

  private unreachable(error: unknown): TidepoolError {
    return new TidepoolError(
      "unavailable",
      `the host at ${this.options.address} cannot be reached in ${hostConnectMaxMs} ms: ${messageOf(error)}`,
      { cause: error, component: "host", reason: "hostUnreachable" },
    );
  }

  private nextCallId(): number {
    do {
      this.lastCallId = this.lastCallId >= callIdMax ? 1 : this.lastCallId + 1;
    } while (this.calls.has(this.lastCallId));
    return this.lastCallId;
  }
}

function tooLong(answer: HostAnswer, payloadBytes: number): HostAnswer {
  if (answer.kind !== "result") return answer;
  const { start, stages, vmId } = answer;
  const failure = new TidepoolError(
    "outputLimit",
    `answer has ${payloadBytes} bytes, the limit is ${answerMaxBytes}`,
    { component: "function", reason: "answerTooLarge" },
  );
  return { kind: "failed", failure, start, stages, vmId };
}
