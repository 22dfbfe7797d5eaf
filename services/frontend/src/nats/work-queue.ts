/**
 * The queue of accepted calls: a JetStream work queue in shards, each read by all frontends, which ask for as
 * many calls as they have room for. What is not acknowledged in time is given to another frontend.
 */
import { context } from "@opentelemetry/api";
import { JetStreamApiError } from "@nats-io/jetstream";
import type {
  Consumer,
  ConsumerMessages,
  JetStreamClient,
  JetStreamManager,
  JsMsg,
} from "@nats-io/jetstream";
import { parentOf, workConsumerName, workShardCount } from "@tidepool/actors";
import type { Bus, Storage } from "@tidepool/actors";
import { messageOf, systemClock } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { attemptsPerShardMax, fetchAgainMs, fetchMaxMs } from "../async/limits.ts";
import type { Work, WorkQueue, WorkToQueue } from "../async/ports.ts";
import { storeTimeoutMs } from "../limits.ts";
import { requireNats } from "./require-nats.ts";
import { patiently } from "./patience.ts";
import { within } from "./store-failure.ts";

const { Work: WorkMessage } = tidepool.internal.v1;

/** What a stream answers with when a message does not fit, and how it says that one of its subject is there. */
const notStored = 10_077;
const isThere = "per subject";

export class NatsWorkQueue implements WorkQueue {
  private readonly bus: Bus;
  private readonly client: JetStreamClient;
  private readonly manager: JetStreamManager;
  private readonly logger: Logger;
  private readonly stopping = new AbortController();
  private readonly fetching = new Set<ConsumerMessages>();
  private shards: Promise<void>[] = [];

  constructor(bus: Bus, storage: Pick<Storage, "client" | "manager">, logger: Logger) {
    this.bus = bus;
    this.client = storage.client;
    this.manager = storage.manager;
    this.logger = logger.child({ part: "work queue" });
  }

  async add({ requestId, functionName, payload, payloadBytes }: WorkToQueue): Promise<void> {
    const what = `queueing call '${requestId}'`;
    const subject = subjects.work(subjects.shardOf(functionName, workShardCount), requestId);
    const bytes = WorkMessage.encode({ requestId, functionName, payload, payloadBytes }).finish();
    const headers = this.bus.outgoingHeaders(undefined);
    await patiently(this.bus, what, () =>
      this.client.publish(subject, bytes, { headers }).then(() => {}, orThere),
    );
  }

  async remove({
    requestId,
    functionName,
  }: Pick<WorkToQueue, "functionName" | "requestId">): Promise<void> {
    const what = `removing call '${requestId}' from the queue`;
    const filter = subjects.work(subjects.shardOf(functionName, workShardCount), requestId);
    await patiently(this.bus, what, () =>
      this.manager.streams.purge(subjects.streams.work, { filter }),
    );
  }

  start(run: (work: Work) => Promise<void>): void {
    for (let shard = 0; shard < workShardCount; shard++) {
      this.shards.push(this.readShard(shard, run));
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    for (const messages of this.fetching) void messages.close();
    await Promise.all(this.shards);
  }

  private async readShard(shard: number, run: (work: Work) => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    const running = new Set<Promise<void>>();
    let consumer: Consumer | undefined;
    while (!signal.aborted) {
      try {
        consumer ??= await this.open(shard);
        const room = attemptsPerShardMax - running.size;
        if (room === 0) await Promise.race(running);
        else await this.fetch(consumer, room, (message) => this.begin(message, running, run));
      } catch (error) {
        consumer = undefined;
        if (this.bus.isConnected) {
          this.logger.warn("work not fetched", { shard, error: messageOf(error) });
        }
        await systemClock.sleep(fetchAgainMs, signal).catch(() => {});
      }
    }
    await Promise.all(running);
  }

  private open(shard: number): Promise<Consumer> {
    const what = "opening the work queue";
    requireNats(this.bus, what);
    const { work } = subjects.streams;
    const consumer = this.client.consumers.get(work, workConsumerName(shard));
    return within(what, storeTimeoutMs, consumer);
  }

  private async fetch(
    consumer: Consumer,
    room: number,
    begin: (message: JsMsg) => void,
  ): Promise<void> {
    const messages = await consumer.fetch({ max_messages: room, expires: fetchMaxMs });
    this.fetching.add(messages);
    if (this.stopping.signal.aborted) void messages.close();
    try {
      for await (const message of messages) begin(message);
    } finally {
      this.fetching.delete(messages);
    }
  }

  private begin(
    message: JsMsg,
    running: Set<Promise<void>>,
    run: (work: Work) => Promise<void>,
  ): void {
    const work = workOf(message);
    if (work === undefined) return message.term("not readable");
    if (this.stopping.signal.aborted) return message.nak();
    // An attempt belongs to the trace of the call's acceptance.
    const done: Promise<void> = context
      .with(parentOf(message), () => run(work))
      .finally(() => running.delete(done));
    running.add(done);
  }
}

function workOf(message: JsMsg): Work | undefined {
  try {
    const { requestId, functionName, payload, payloadBytes } = WorkMessage.decode(message.data);
    return {
      requestId,
      functionName,
      payload,
      payloadBytes,
      done: async () => {
        await message.ackAck({ timeout: storeTimeoutMs });
      },
      putOff: (ms) => message.nak(Math.max(0, Math.ceil(ms))),
      keep: () => message.working(),
    };
  } catch {
    return undefined;
  }
}

function orThere(error: unknown): void {
  const isKnown = error instanceof JetStreamApiError && error.code === notStored;
  if (!isKnown || !error.message.includes(isThere)) throw error;
}
