/**
 * Listens for subscriptions. All frontends listen to each: to a subject in one queue group, to a stream through one
 * durable consumer, so that each message comes to one of them. A stream's message is acknowledged when its call was
 * accepted; until then it is delivered again, and is accepted once.
 */
import { AckPolicy, DeliverPolicy, JetStreamApiError } from "@nats-io/jetstream";
import type { ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import type { Msg, MsgHdrs, Subscription } from "@nats-io/nats-core";
import type { Bus, Storage } from "@tidepool/actors";
import { codes, messageOf, systemClock, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { storeTimeoutMs } from "../limits.ts";
import {
  messageAckWaitMs,
  messageAgainMs,
  messagesAtOnceMax,
  openFeedAgainMs,
} from "../triggers/limits.ts";
import { hopsOf, messageEvent, messageRequestId } from "../triggers/message-event.ts";
import type { IncomingMessage } from "../triggers/message-event.ts";
import type { AcceptCall } from "../triggers/ports.ts";
import type { StoredSubscription } from "../triggers/subscription-record.ts";
import type { Feeds } from "../triggers/subscriptions.ts";
import { requireNats } from "./require-nats.ts";
import { within } from "./store-failure.ts";

const streamNotFound = 10_059;
const consumerNotFound = 10_014;

interface Running {
  readonly stored: StoredSubscription;
  readonly stopping: AbortController;
  problem: string;
  done: Promise<void>;
}

export interface NatsFeedsOptions {
  readonly bus: Bus;
  readonly storage: Storage;
  readonly accept: AcceptCall;
  readonly logger: Logger;
}

export class NatsFeeds implements Feeds {
  private readonly options: NatsFeedsOptions;
  private readonly logger: Logger;
  private readonly running = new Map<string, Running>();

  constructor(options: NatsFeedsOptions) {
    this.options = options;
    this.logger = options.logger.child({ part: "subscriptions" });
  }

  /** It was set, changed or, undefined, deleted. */
  changed(name: string, stored: StoredSubscription | undefined): void {
    const before = this.running.get(name);
    if (before !== undefined && before.stored.updatedAtMs === stored?.updatedAtMs) return;
    before?.stopping.abort();
    this.running.delete(name);
    if (stored === undefined || stored.isPaused) return;
    const running: Running = {
      stored,
      stopping: new AbortController(),
      problem: "",
      done: Promise.resolve(),
    };
    this.running.set(name, running);
    running.done = stored.source.kind === "subject" ? this.hear(running) : this.consume(running);
  }

  async stop(): Promise<void> {
    for (const { stopping } of this.running.values()) stopping.abort();
    await Promise.all([...this.running.values()].map(({ done }) => done));
  }

  async prepare(stored: StoredSubscription): Promise<void> {
    if (stored.source.kind === "stream") await this.ensureConsumer(stored);
  }

  async remove({ source, ...stored }: StoredSubscription): Promise<void> {
    if (source.kind !== "stream") return;
    const { manager } = this.options.storage;
    // What is left behind is forgotten by the server when nobody asks it for a while.
    await manager.consumers.delete(source.stream, consumerName(stored)).catch(() => false);
  }

  async pending({ source, ...stored }: StoredSubscription): Promise<number> {
    if (source.kind !== "stream" || !this.options.bus.isConnected) return 0;
    const { manager } = this.options.storage;
    const info = await manager.consumers
      .info(source.stream, consumerName(stored))
      .catch(() => undefined);
    return info === undefined ? 0 : info.num_pending + info.num_ack_pending;
  }

  problem(name: string): string {
    return this.running.get(name)?.problem ?? "";
  }

  private async ensureConsumer(stored: StoredSubscription): Promise<void> {
    const { source, name } = stored;
    if (source.kind !== "stream") return;
    const what = `subscribing '${name}' to stream '${source.stream}'`;
    requireNats(this.options.bus, what);
    const made = this.options.storage.manager.consumers
      .add(source.stream, {
        durable_name: consumerName(stored),
        description: `Tidepool subscription ${name}`,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(messageAckWaitMs),
        max_ack_pending: messagesAtOnceMax,
        deliver_policy: source.fromStart ? DeliverPolicy.All : DeliverPolicy.New,
        ...(source.filterSubject === "" ? {} : { filter_subject: source.filterSubject }),
      })
      .catch((error: unknown) => {
        if (!isApiError(error, streamNotFound)) throw error;
        throw new TidepoolError("notFound", `no stream '${source.stream}'`, { cause: error });
      });
    await within(what, storeTimeoutMs, made);
  }

  private async hear(running: Running): Promise<void> {
    const { stored, stopping } = running;
    const { source, name } = stored;
    if (source.kind !== "subject") return;
    let atOnce = 0;
    const subscription: Subscription = this.options.bus.connection.subscribe(source.subject, {
      queue: `tidepool-${name}`,
      callback: (error, message) => {
        if (error !== null) running.problem = messageOf(error);
        else if (atOnce >= messagesAtOnceMax) {
          running.problem = `more than ${messagesAtOnceMax} messages at once came to this frontend: some were lost`;
        } else {
          atOnce += 1;
          void this.take(running, message).finally(() => (atOnce -= 1));
        }
      },
    });
    await aborted(stopping.signal);
    subscription.unsubscribe();
  }

  private async take(running: Running, message: Msg): Promise<void> {
    try {
      await this.accept(
        running,
        incoming(message, Date.now()),
        messageRequestId(running.stored, undefined),
      );
      running.problem = "";
    } catch (error) {
      running.problem = `a message was lost: ${messageOf(error)}`;
      this.logger.warn("message lost", {
        subscription: running.stored.name,
        error: messageOf(error),
      });
    }
  }

  private async consume(running: Running): Promise<void> {
    const { stored, stopping } = running;
    const { signal } = stopping;
    while (!signal.aborted) {
      try {
        await this.consumeOnce(running);
      } catch (error) {
        running.problem = messageOf(error);
        if (isApiError(error, consumerNotFound)) await this.reopen(running);
      }
      if (!signal.aborted) await systemClock.sleep(openFeedAgainMs, signal).catch(() => {});
    }
    this.logger.debug("not consumed any more", { subscription: stored.name });
  }

  private async reopen(running: Running): Promise<void> {
    await this.ensureConsumer(running.stored).catch((error: unknown) => {
      running.problem = messageOf(error);
    });
  }

  private async consumeOnce(running: Running): Promise<void> {
    const { source, ...stored } = running.stored;
    const { signal } = running.stopping;
    if (source.kind !== "stream") return;
    const { client } = this.options.storage;
    const consumer = await client.consumers.get(source.stream, consumerName(stored));
    const messages: ConsumerMessages = await consumer.consume({
      max_messages: messagesAtOnceMax,
      abort_on_missing_resource: true,
      callback: (message) => void this.takeFromStream(running, source.stream, message),
    });
    const stop = (): void => messages.stop();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    running.problem = "";
    try {
      const error = await messages.closed();
      if (error instanceof Error) throw error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  private async takeFromStream(running: Running, stream: string, message: JsMsg): Promise<void> {
    const { timestampNanos: storedAtNanos } = message.info;
    const place = { stream, sequence: message.seq, storedAtNanos };
    const requestId = messageRequestId(running.stored, place);
    try {
      await this.accept(running, incoming(message, storedAtNanos / 1e6), requestId);
      message.ack();
      running.problem = "";
    } catch (error) {
      const { code, message: why } = TidepoolError.from(error);
      running.problem = why;
      // What no later try could change would be delivered for ever.
      const isInVain = code === "invalid" || code === "tooLarge";
      if (isInVain) message.term(why);
      else message.nak(codes[code].retryable ? messageAgainMs : 10 * messageAgainMs);
      this.logger.warn(isInVain ? "message given up" : "message not accepted yet", {
        subscription: running.stored.name,
        sequence: message.seq,
        error: why,
      });
    }
  }

  private async accept(
    { stored }: Running,
    message: IncomingMessage,
    requestId: string,
  ): Promise<void> {
    const { name, functionName, qualifier } = stored;
    const hops = hopsOf(message.headers[subjects.natsHeaders.hops]);
    const payload = messageEvent(name, message, requestId);
    await this.options.accept({ name: functionName, qualifier, requestId, payload, hops });
  }
}

function consumerName({ name, createdAtMs }: Omit<StoredSubscription, "source">): string {
  return `tidepool-${name}-${createdAtMs.toString(36)}`;
}

function incoming(
  { subject, data, headers }: { subject: string; data: Uint8Array; headers?: MsgHdrs | undefined },
  atMs: number,
): IncomingMessage {
  const folded = new Map<string, string>();
  for (const name of headers?.keys() ?? [])
    folded.set(name.toLowerCase(), headers?.get(name) ?? "");
  return { subject, data, headers: Object.fromEntries(folded), atMs };
}

function isApiError(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
