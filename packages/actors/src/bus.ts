/**
 * Messages between Tidepool's processes over NATS: typed request/reply and events. Deadline and trace
 * context travel as headers with every message; a reply is the codec's message or a Failure.
 *
 * A request may be delivered and its reply lost: every handler must be safe to run twice.
 */
import { context, propagation, SpanKind } from "@opentelemetry/api";
import { headers } from "@nats-io/nats-core";
import type { Msg, MsgHdrs, NatsConnection, Subscription } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import {
  CertificateWatch,
  decodeFailure,
  encodeFailure,
  messageOf,
  systemClock,
  TidepoolError,
  withSpan,
} from "@tidepool/common";
import type { Clock, Component, Logger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { decode, encode, messageContext, parentOf, requestFailure } from "./bus-messages.ts";
import type { Codec, MessageContext } from "./bus-messages.ts";
import type { BusSettings } from "./bus-settings.ts";
import { inboxPrefixOf, serverIdentityCheck } from "./bus-tls.ts";
import { watchMajority } from "./majority-watch.ts";
import { whyNoNats } from "./why-no-nats.ts";

/** What is kept in JetStream and may differ from one system to another. */
type Kept = "replicas" | "logsKeptMs" | "logsBytesMax";

export interface BusOptions extends Omit<BusSettings, Kept>, Partial<Pick<BusSettings, Kept>> {
  /** Shown by the server's monitoring: "frontend f-1". */
  readonly name: string;
  /** Longest that a first connection may take; default connectTimeoutMs. */
  readonly connectMaxMs?: number;
  /** Who answers, for failures that leave this process. */
  readonly component: Component;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** The connection has ended for good without close(), as it never should: this process is of no more use. */
  readonly onEnded?: () => void;
}

export interface Stoppable {
  stop(): Promise<void>;
}

/** Time a request waits when its caller names none. */
export const requestTimeoutMs = 5_000;
/** Longest a first connection may take before connectBus gives up. */
export const connectTimeoutMs = 10_000;
/** Between two attempts to reach a server again; attempts never end. */
export const reconnectWaitMs = 250;
/** On top of it, so that not all come at once. */
const reconnectJitterMs = 250;

/** A server that answered none of the last two of these is lost, though its connection still stands. */
export const pingIntervalMs = 2_000;
const pingsUnansweredMax = 2;

/** @throws TidepoolError `unavailable` when no server answers in connectTimeoutMs */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const { tls: files, logger } = options;
  const certificates = files && new CertificateWatch(files, logger, options.clock);
  const checkServerIdentity = serverIdentityCheck((end) => certificates?.seen(end));
  const tls = files && { ...files, checkServerIdentity };
  const inboxPrefix = await inboxPrefixOf(options.tls);
  const servers = options.servers.split(",").map((server) => server.trim());
  const connectMaxMs = options.connectMaxMs ?? connectTimeoutMs;
  const giveUpAtMs = systemClock.nowMs() + connectMaxMs;
  let isConnected = false;
  try {
    const connection = await connect({
      servers,
      name: options.name,
      timeout: connectMaxMs,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: () => {
        if (!isConnected && systemClock.nowMs() >= giveUpAtMs) throw new Error("no first answer");
        return reconnectWaitMs + Math.random() * reconnectJitterMs;
      },
      pingInterval: pingIntervalMs,
      maxPingOut: pingsUnansweredMax,
      ignoreAuthErrorAbort: true,
      noAsyncTraces: true,
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
      ...(tls === undefined ? {} : { tls }),
    });
    isConnected = true;
    // First of all: whatever the connection tells from now on is heard.
    const bus = new Bus(connection, options);
    if ((options.replicas ?? 1) > 1) void watchMajority(connection, logger.child({ part: "bus" }));
    // The handshake of a look from outside shows the certificate that the server has by then.
    await certificates?.start(async () => tls && whyNoNats(connection.getServer(), tls));
    void connection.closed().then(() => certificates?.stop());
    return bus;
  } catch (error) {
    const [first = ""] = servers;
    const why = tls && (await whyNoNats(first, tls));
    throw new TidepoolError(
      "unavailable",
      `no nats-server answers at ${options.servers}: ${why ?? messageOf(error)}`,
      { cause: error },
    );
  }
}

export class Bus {
  readonly connection: NatsConnection;
  /** Copies of what is kept in JetStream. */
  readonly replicas: number;
  /** Of the log stream; undefined: the default. */
  readonly logsKeptMs: number | undefined;
  readonly logsBytesMax: number | undefined;
  private readonly component: Component;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly namedServers: number;
  private readonly onEnded: (() => void) | undefined;
  private isClosing = false;

  constructor(connection: NatsConnection, options: Omit<BusOptions, "name">) {
    this.connection = connection;
    this.namedServers = options.servers.split(",").length;
    this.replicas = options.replicas ?? 1;
    this.logsKeptMs = options.logsKeptMs;
    this.logsBytesMax = options.logsBytesMax;
    this.component = options.component;
    this.logger = options.logger.child({ part: "bus" });
    this.clock = options.clock ?? systemClock;
    this.onEnded = options.onEnded;
    void this.watchConnection();
  }

  /**
   * Sends a request and waits for its one reply.
   * @param operation for the span's name, without ids: "acquire VM"
   * @throws TidepoolError what the other side failed with; `unavailable` when nobody listens or NATS is
   *   away; `timeout` when the deadline passes
   */
  async request<Request, Reply>(
    operation: string,
    subject: string,
    request: { codec: Codec<Request>; message: Request },
    reply: Codec<Reply>,
    options: { timeoutMs?: number } = {},
  ): Promise<Reply> {
    const timeoutMs = Math.max(1, options.timeoutMs ?? requestTimeoutMs);
    return withSpan(`request ${operation}`, { kind: SpanKind.CLIENT }, async () => {
      const answer = await this.sendRequest(operation, subject, timeoutMs, encode(request));
      if (answer.headers?.has(subjects.natsHeaders.failure)) throw decodeFailure(answer.data);
      return decode(reply, answer.data, operation);
    });
  }

  private async sendRequest(
    operation: string,
    subject: string,
    timeoutMs: number,
    data: Uint8Array,
  ): Promise<Msg> {
    try {
      return await this.connection.request(subject, data, {
        timeout: timeoutMs,
        headers: this.outgoingHeaders(timeoutMs),
      });
    } catch (error) {
      throw requestFailure(operation, timeoutMs, error);
    }
  }

  /**
   * Answers requests on `subject`. What the handler throws goes to the caller as a Failure.
   * @param queue of those who serve under the same name, one gets each request
   */
  serve<Request, Reply>(
    operation: string,
    subject: string,
    request: Codec<Request>,
    reply: Codec<Reply>,
    answer: (message: Request, context: MessageContext) => Promise<Reply>,
    queue?: string,
  ): Stoppable {
    return this.listen(subject, queue, async (message) => {
      const sent = messageContext(message);
      try {
        if (sent.deadlineAtMs !== undefined && sent.deadlineAtMs < this.clock.nowMs()) {
          throw new TidepoolError("timeout", `${operation} came after its deadline`);
        }
        const result = await withSpan(
          `serve ${operation}`,
          { kind: SpanKind.SERVER, parent: parentOf(message) },
          () => answer(decode(request, message.data, operation), sent),
        );
        message.respond(reply.encode(result).finish());
      } catch (error) {
        const failure = TidepoolError.from(error);
        if (failure.code === "internal") {
          this.logger.error("request failed", { operation, error });
        }
        const replyHeaders = headers();
        replyHeaders.set(subjects.natsHeaders.failure, failure.code);
        message.respond(encodeFailure(failure, this.component), { headers: replyHeaders });
      }
    });
  }

  /** Sends an event; nobody may be listening. Dropped with a warning while NATS is away. */
  publish<T>(subject: string, codec: Codec<T>, message: T): void {
    try {
      this.connection.publish(subject, codec.encode(message).finish(), {
        headers: this.outgoingHeaders(undefined),
      });
    } catch (error) {
      this.logger.warn("event dropped", { subject, error: messageOf(error) });
    }
  }

  /** Calls `receive` for each event. An event that cannot be decoded is logged and skipped. */
  subscribe<T>(
    subject: string,
    codec: Codec<T>,
    receive: (message: T, context: MessageContext) => void | Promise<void>,
  ): Stoppable {
    return this.listen(subject, undefined, async (message) => {
      try {
        const event = decode(codec, message.data, subject);
        await context.with(parentOf(message), () => receive(event, messageContext(message)));
      } catch (error) {
        this.logger.error("event not handled", { subject: message.subject, error });
      }
    });
  }

  /** Trace context and deadline for messages that bypass request() and publish(), such as JetStream's. */
  outgoingHeaders(timeoutMs: number | undefined): MsgHdrs {
    const outgoing = headers();
    propagation.inject(context.active(), outgoing, {
      set: (carrier, key, value) => carrier.set(key, value),
    });
    if (timeoutMs !== undefined) {
      outgoing.set(
        subjects.natsHeaders.deadline,
        String(Math.ceil(this.clock.nowMs() + timeoutMs)),
      );
    }
    return outgoing;
  }

  get isConnected(): boolean {
    return !this.connection.isClosed() && !this.isAway;
  }

  /** Of the cluster, as far as this process was told of them. */
  get knownServerCount(): number {
    const { info } = this.connection;
    if (info?.cluster === undefined) return 1;
    return Math.max(this.namedServers, info.connect_urls?.length ?? 0);
  }

  private isAway = false;
  private readonly reconnectListeners = new Set<() => void>();

  /** Calls `listener` whenever the server is back after an absence. Returns how to stop that. */
  onReconnect(listener: () => void): () => void {
    this.reconnectListeners.add(listener);
    return () => void this.reconnectListeners.delete(listener);
  }

  /** Sends what is buffered, ends all subscriptions and closes the connection. */
  async close(): Promise<void> {
    this.isClosing = true;
    if (this.connection.isClosed()) return;
    if (this.isAway) await this.connection.close();
    else await this.connection.drain();
  }

  private listen(
    subject: string,
    queue: string | undefined,
    receive: (message: Msg) => Promise<void>,
  ): Stoppable {
    const subscription: Subscription = this.connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error !== null) {
          this.logger.error("subscription failed", { subject, error: messageOf(error) });
          return;
        }
        void receive(message);
      },
    });
    return {
      stop: async () => {
        if (!subscription.isClosed() && !this.connection.isClosed() && !this.isAway) {
          await subscription.drain();
        } else {
          subscription.unsubscribe();
        }
      },
    };
  }

  private async watchConnection(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === "disconnect") {
        this.isAway = true;
        this.logger.warn("nats-server lost", { server: status.server });
      } else if (status.type === "reconnect") {
        this.isAway = false;
        this.logger.info("nats-server back", { server: status.server });
        for (const listener of this.reconnectListeners) listener();
      } else if (status.type === "slowConsumer") {
        const { sub, pending } = status;
        this.logger.warn("nats reports", {
          status: status.type,
          subject: sub.getSubject(),
          pending,
        });
      } else if (status.type === "error") {
        this.logger.warn("nats reports", { status: status.type, error: messageOf(status.error) });
      }
    }
    if (this.isClosing) return;
    const why = await this.connection.closed();
    this.logger.error("nats connection ended", { error: messageOf(why ?? "nobody said why") });
    this.onEnded?.();
  }
}
