/** The frontend's side of one invocation stream, as small as tests need it. */
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { failureFromWire } from "@tidepool/common";
import type { TidepoolError } from "@tidepool/common";
import { hostService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";

type FrontendMessage = tidepool.internal.v1.FrontendMessage.$Properties;
type HostMessage = tidepool.internal.v1.HostMessage.$Properties;

export interface CallOptions {
  readonly requestId?: string;
  readonly vmId?: string;
  readonly version?: string;
  readonly deadlineMs?: number;
  readonly timeoutMs?: number;
  readonly traceparent?: string;
  readonly isCutOff?: boolean;
}

export interface CallAnswer {
  readonly callId: number;
  readonly refused?: TidepoolError;
  readonly failure?: TidepoolError;
  readonly message: HostMessage;
  /** Of a result: the JSON. */
  readonly value?: unknown;
  readonly payload: Buffer;
}

interface Result {
  readonly message: HostMessage;
  readonly parts: Uint8Array[];
  bytesLeft: number;
}

const chunkBytes = 64 * 1024;
const Client = makeGenericClientConstructor(hostService, "Host");

export class FrontendClient {
  private readonly client: InstanceType<typeof Client>;
  private readonly stream: ClientDuplexStream<FrontendMessage, HostMessage>;
  private readonly waiting = new Map<number, (answer: CallAnswer) => void>();
  private readonly results = new Map<number, Result>();
  private nextCallId = 1;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure());
    const open = this.client["invocations"] as unknown as () => ClientDuplexStream<
      FrontendMessage,
      HostMessage
    >;
    this.stream = open.call(this.client);
    this.stream.on("data", (message: HostMessage) => this.receive(message));
    this.stream.on("error", () => {});
  }

  invoke(name: string, payload: unknown, options: CallOptions = {}) {
    const callId = this.nextCallId++;
    const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload));
    const answer = new Promise<CallAnswer>((resolve) => this.waiting.set(callId, resolve));
    this.stream.write({
      invoke: {
        callId,
        functionName: name,
        version: "1",
        requestId: `r-${callId}`,
        ...options,
        payloadBytes: bytes.length,
        payload: bytes.subarray(0, chunkBytes),
      },
    });
    for (let at = chunkBytes; at < bytes.length; at += chunkBytes) {
      this.stream.write({ chunk: { callId, content: bytes.subarray(at, at + chunkBytes) } });
    }
    return Object.assign(answer, { cancel: () => this.stream.write({ cancel: { callId } }) });
  }

  close(): void {
    this.stream.end();
    this.client.close();
  }

  private receive(message: HostMessage): void {
    const { refused, failure, result, chunk } = message;
    const callId = refused?.callId ?? failure?.callId ?? result?.callId ?? chunk?.callId ?? 0;
    const payload = Buffer.alloc(0);
    if (refused) {
      this.settle({ callId, message, payload, refused: failureFromWire(refused.failure) });
    } else if (failure) {
      this.settle({ callId, message, payload, failure: failureFromWire(failure.failure) });
    } else {
      if (result) {
        this.results.set(callId, { message, parts: [], bytesLeft: result.payloadBytes ?? 0 });
      }
      const begun = this.results.get(callId);
      if (begun === undefined) return;
      const part = result?.payload ?? chunk?.content ?? payload;
      begun.parts.push(part);
      begun.bytesLeft -= part.length;
      if (begun.bytesLeft > 0) return;
      const whole = Buffer.concat(begun.parts);
      this.results.delete(callId);
      const value: unknown = JSON.parse(whole.toString("utf8"));
      this.settle({ callId, message: begun.message, payload: whole, value });
    }
  }

  private settle(answer: CallAnswer): void {
    this.waiting.get(answer.callId)?.(answer);
    this.waiting.delete(answer.callId);
  }
}
