/** The host's gRPC server: one method, the invocation stream of each frontend. */
import { Server, status } from "@grpc/grpc-js";
import type { handleBidiStreamingCall } from "@grpc/grpc-js";
import { isIdentityOf, serverCredentials, TidepoolError } from "@tidepool/common";
import type { Logger, TlsFiles } from "@tidepool/common";
import { hostService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import type { InvocationParts } from "../invocations/invocation.ts";
import { InvocationStream } from "./invocation-stream.ts";
import { NamedStreams } from "./named-streams.ts";
import { frontendPingMaxMs, frontendPingMs, messageMaxBytes } from "./limits.ts";

type Handler = handleBidiStreamingCall<
  tidepool.internal.v1.FrontendMessage.$Properties,
  tidepool.internal.v1.HostMessage.$Properties
>;

/** Waiting for frontends to hang up, before their streams are cut. */
export const serverStopMaxMs = 1_000;

export interface HostServer {
  /** host:port that frontends reach it at. */
  readonly address: string;
  /** By the names that frontends have given them. */
  readonly streams: NamedStreams;
  stop(): Promise<void>;
}

/** @throws TidepoolError `unavailable` when the address cannot be listened on */
export async function startHostServer(
  listen: string,
  parts: InvocationParts,
  logger: Logger,
  tls?: TlsFiles,
): Promise<HostServer> {
  const server = new Server({
    "grpc.max_receive_message_length": messageMaxBytes,
    // A frontend that is frozen or cut off is lost before others may run its calls.
    "grpc.keepalive_time_ms": frontendPingMs,
    "grpc.keepalive_timeout_ms": frontendPingMaxMs,
  });
  const streams = new NamedStreams();
  const invocations: Handler = (call) => {
    const stranger = tls === undefined ? undefined : whoIsNoFrontend(call);
    if (stranger !== undefined) {
      logger.warn("a caller that is no frontend was refused", { names: stranger });
      const details = "only frontends may send invocations";
      call.emit(
        "error",
        Object.assign(new Error(details), { code: status.PERMISSION_DENIED, details }),
      );
      return;
    }
    let whenDrained: Promise<void> | undefined;
    const stream = new InvocationStream(
      parts,
      {
        async send(message) {
          if (call.destroyed || call.cancelled) return;
          if (!call.write(message)) whenDrained ??= drained(call);
          await whenDrained;
          whenDrained = undefined;
        },
      },
      logger,
      (streamId) => streams.name(streamId, stream),
    );
    call.on("data", (message) => stream.receive(message));
    call.on("error", () => {}); // "end" or "close" follows
    call.on("close", () => streams.ended(stream));
    call.on("end", () => {
      streams.ended(stream);
      call.end();
    });
  };
  server.addService(hostService, { invocations });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(listen, serverCredentials(tls, "must be known"), (error, bound) => {
      if (error === null) resolve(bound);
      else {
        reject(
          new TidepoolError("unavailable", `cannot listen on ${listen}: ${error.message}`, {
            cause: error,
          }),
        );
      }
    });
  });
  return {
    streams,
    address: `${listen.slice(0, listen.lastIndexOf(":"))}:${port}`,
    stop: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), serverStopMaxMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

/** The names in the caller's certificate, when none of them is a frontend's. */
function whoIsNoFrontend(call: Parameters<Handler>[0]): string | undefined {
  const names = call.getAuthContext().sslPeerCertificate?.subjectaltname ?? "";
  return isIdentityOf("frontend", names) ? undefined : names;
}

function drained(stream: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
  });
}
