/** The host's side of the stream, in a test: answers as it is told, and remembers what came. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Bus } from "@tidepool/actors";
import { failureToWire, TidepoolError } from "@tidepool/common";
import { hostService, subjects, tidepool, toTimestamp } from "@tidepool/proto";

type FromFrontend = tidepool.internal.v1.FrontendMessage.$Properties;
type FromHost = tidepool.internal.v1.HostMessage.$Properties;

export interface SeenCall {
  readonly start: tidepool.internal.v1.InvokeStart.$Properties;
  readonly payload: Buffer;
  readonly answer: (message: FromHost) => void;
}

export interface TestHost {
  readonly hostId: string;
  readonly address: string;
  readonly calls: SeenCall[];
  readonly cancelled: number[];
  /** Bytes of room that came, by call id. */
  readonly credits: Map<number, number>;
  /** Connections made to it. */
  streamCount: number;
  /** What it does with a call whose payload is complete. */
  react: (call: SeenCall) => void;
  /** Tells that this many VMs of the version are idle. @param address another way to it */
  beat(bus: Bus, name: string, version: string, idle: number, address?: string): void;
  /** Answers frontends whose stream broke. */
  serveStreamEnds(bus: Bus): void;
  stop(): void;
}

export const chunkBytes = 64 * 1024;

export async function aHost(hostId: string): Promise<TestHost> {
  const server = new Server();
  const lastCalls = new Map<string, number>();
  const host: TestHost = {
    hostId,
    address: "",
    calls: [],
    cancelled: [],
    credits: new Map(),
    streamCount: 0,
    react: echo,
    beat(bus, name, version, idle, address = host.address) {
      bus.publish(subjects.hostHeartbeat(hostId), tidepool.internal.v1.HostHeartbeat, {
        hostId,
        address,
        at: toTimestamp(Date.now()),
        hypervisor: "simulated",
        functions: [{ name, version, idle }],
        pools: [{ runtime: "nodejs20", memoryMib: 128, target: 4, ready: 4, idle }],
      });
    },
    serveStreamEnds(bus) {
      const { EndStreamReply, EndStreamRequest } = tidepool.internal.v1;
      const subject = subjects.endStream(hostId);
      bus.serve("end stream", subject, EndStreamRequest, EndStreamReply, ({ streamId = "" }) =>
        Promise.resolve({ lastCallId: lastCalls.get(streamId) ?? 0 }),
      );
    },
    stop: () => server.forceShutdown(),
  };
  server.addService(hostService, {
    invocations: (stream: ServerDuplexStream<FromFrontend, FromHost>) =>
      serve(host, stream, lastCalls),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return Object.assign(host, { address: `127.0.0.1:${port}` });
}

/** Runs at once, and answers what it got. */
export function echo({ start, payload, answer }: SeenCall): void {
  const result = {
    callId: start.callId ?? 0,
    start: tidepool.v1.Start.START_WARM,
    stages: { runMs: 0.5, totalMs: 0.6 },
    vmId: start.vmId || "vm-1",
    payloadBytes: payload.length,
    payload: payload.subarray(0, chunkBytes),
  };
  answer({ result });
  for (let at = chunkBytes; at < payload.length; at += chunkBytes) {
    const content = payload.subarray(at, at + chunkBytes);
    answer({ chunk: { callId: result.callId, content } });
  }
}

export function refuse(code: "noCapacity" | "functionError") {
  return ({ start, answer }: SeenCall): void => {
    const failure = failureToWire(new TidepoolError(code, `refused with ${code}`), "host");
    answer({ refused: { callId: start.callId ?? 0, failure } });
  };
}

function serve(
  host: TestHost,
  stream: ServerDuplexStream<FromFrontend, FromHost>,
  lastCalls: Map<string, number>,
): void {
  host.streamCount += 1;
  let streamId = "";
  const open = new Map<number, { start: SeenCall["start"]; parts: Uint8Array[]; bytes: number }>();
  const add = (callId: number, content: Uint8Array): void => {
    const call = open.get(callId);
    if (call === undefined) return;
    call.parts.push(content);
    call.bytes += content.length;
    if (call.bytes < (call.start.payloadBytes ?? 0)) return;
    open.delete(callId);
    const seen: SeenCall = {
      start: call.start,
      payload: Buffer.concat(call.parts),
      answer: (message) => void stream.write(message),
    };
    host.calls.push(seen);
    host.react(seen);
  };
  stream.on("data", ({ invoke, chunk, cancel, credit, ping }: FromFrontend) => {
    if (ping) {
      streamId = ping.streamId ?? "";
      stream.write({ pong: {} });
    } else if (credit) {
      const { callId = 0, bytes = 0 } = credit;
      host.credits.set(callId, (host.credits.get(callId) ?? 0) + bytes);
    } else if (invoke) {
      lastCalls.set(streamId, invoke.callId ?? 0);
      open.set(invoke.callId ?? 0, { start: invoke, parts: [], bytes: 0 });
      add(invoke.callId ?? 0, invoke.payload ?? new Uint8Array());
    } else if (chunk) {
      add(chunk.callId ?? 0, chunk.content ?? new Uint8Array());
    } else if (cancel) {
      host.cancelled.push(cancel.callId ?? 0);
    }
  });
  stream.on("end", () => stream.end());
  stream.on("error", () => {});
}
