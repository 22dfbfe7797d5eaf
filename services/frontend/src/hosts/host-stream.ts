/**
 * The one long-lived stream to one host, opened at the first call and again after it broke.
 *
 * A call is refused while no connection stands, since nothing can have run. When a stream breaks, its open
 * calls fail and are not repeated: the host may have started them.
 */
import { makeGenericClientConstructor } from "@grpc/grpc-js";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import {
  clientCredentials,
  messageOf,
  systemClock,
  TidepoolError,
  traceparentOf,
} from "@tidepool/common";
import type { Logger, TlsFiles } from "@tidepool/common";
import { hostService, tidepool } from "@tidepool/proto";
import { answerMaxBytes, grpcMessageMaxBytes, hostConnectMaxMs } from "../limits.ts";
import type { AnswerSink, HostAnswer, HostCall } from "../ports.ts";
import { noStages, parseHostMessage } from "./host-message.ts";
import type { AnswerBegin, HostPart } from "./host-message.ts";
import { IncomingAnswer } from "./incoming-answer.ts";
import { Outbox } from "./outbox.ts";

type Stream = ClientDuplexStream<
  tidepool.internal.v1.FrontendMessage.$Properties,
  tidepool.internal.v1.HostMessage.$Properties
>;

interface OpenCall {
  readonly callId: number;
  readonly settle: (answer: HostAnswer) => void;
  /** Ends the call here and at the host. */
  readonly abandon: (error: TidepoolError) => void;
  readonly sink: AnswerSink | undefined;
  /** Once the function has begun to stream. */
  streamed: IncomingAnswer | undefined;
  /** A result whose payload is still coming. */
  partial:
    { readonly answer: HostAnswer; readonly parts: Uint8Array[]; missing: number } | undefined;
}

const HostClient = makeGenericClientConstructor(hostService, "Host");
const callIdMax = 2 ** 32 - 1;
/** A host that says nothing for so long is asked, and is lost when it does not answer: its calls wait in vain no longer. */
const hostPingMs = 2_000;
const hostPingMaxMs = 2_000;

export class HostStream {
  private readonly address: string;
  private readonly logger: Logger;
  private readonly isCutOff: () => boolean;
  private readonly client: InstanceType<typeof HostClient>;
  private readonly calls = new Map<number, OpenCall>();
  private outbox = new Outbox();
  private stream: Stream | undefined;
  private opening: Promise<void> | undefined;
  private isFull = false;
  private lastCallId = 0;

  constructor(
    address: string,
    logger: Logger,
    tls?: TlsFiles,
    isCutOff: () => boolean = () => false,
  ) {
    this.isCutOff = isCutOff;
    this.address = address;
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
      const isCutOff = this.isCutOff();
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
    this.stream?.cancel();
    this.client.close();
  }

  private open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.waitForReady(systemClock.nowMs() + hostConnectMaxMs, (error) => {
        if (error !== undefined) return reject(error);
        this.begin();
        resolve();
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
    this.outbox = new Outbox();
    this.isFull = false;
    stream.on("data", (message) => this.receive(stream, message));
    stream.on("drain", () => {
      this.isFull = false;
      this.pump();
    });
    stream.on("error", (error) => this.broke(stream, error));
    stream.on("end", () => this.broke(stream, new Error("the host ended it")));
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
    const part = parseHostMessage(message);
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
    this.logger.warn("stream ended", { error: messageOf(error), callCount: this.calls.size });
    const failure = new TidepoolError(
      "unavailable",
      `the connection to the host at ${this.address} broke while the call was there`,
      { cause: error, component: "host", reason: "hostLost" },
    );
    const start = tidepool.v1.Start.START_UNSPECIFIED;
    for (const open of this.calls.values()) {
      const answer: HostAnswer = { kind: "failed", failure, start, stages: noStages, vmId: "" };
      if (open.streamed === undefined) open.settle(answer);
      else void settleAfter(open, open.streamed, answer);
    }
  }

  private unreachable(error: unknown): TidepoolError {
    return new TidepoolError(
      "unavailable",
      `the host at ${this.address} cannot be reached in ${hostConnectMaxMs} ms`,
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

/** What came before the end goes first. */
async function settleAfter(
  open: OpenCall,
  streamed: IncomingAnswer,
  answer: HostAnswer,
): Promise<void> {
  try {
    await streamed.written();
    open.settle(answer);
  } catch (error) {
    open.abandon(TidepoolError.from(error));
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
