/**
 * Tells the shards of every call that came: batched, stored with an acknowledgement, and sent again with the
 * same id until it is acknowledged, so that each is stored once. While NATS is away arrivals wait in a
 * bounded buffer; when it is full the oldest are dropped, counted and logged. A call never waits for this.
 */
import { randomUUID } from "node:crypto";
import type { JetStreamClient } from "@nats-io/jetstream";
import type { Bus } from "@tidepool/actors";
import { messageOf, systemClock } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { arrivalBatchMax, arrivalBufferMax, arrivalFlushMs, storeTimeoutMs } from "../limits.ts";
import type { ArrivalSink } from "../ports.ts";

type Arrival = Parameters<ArrivalSink["add"]>[0];

interface Batch {
  readonly id: string;
  readonly shard: number;
  readonly arrivals: readonly Arrival[];
}

/** Wait before what was not acknowledged is sent again. */
const sendAgainMs = 250;
/** Longest that stop() waits for the last acknowledgements. */
const lastFlushMaxMs = 1_000;

export interface ArrivalPublisherOptions {
  readonly bus: Pick<Bus, "isConnected" | "outgoingHeaders">;
  readonly client: Pick<JetStreamClient, "publish">;
  readonly shardCount: number;
  readonly logger: Logger;
}

export class ArrivalPublisher implements ArrivalSink {
  private readonly options: ArrivalPublisherOptions;
  private readonly logger: Logger;
  /** Not yet in a batch, oldest first. */
  private waiting: Arrival[] = [];
  /** Made, not yet acknowledged; oldest first. */
  private batches: Batch[] = [];
  private batchedCount = 0;
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> | undefined;
  private isStopped = false;
  /** Arrivals that found the buffer full, since the start. */
  droppedCount = 0;

  constructor(options: ArrivalPublisherOptions) {
    this.options = options;
    this.logger = options.logger.child({ part: "arrivals" });
  }

  add(arrival: Arrival): void {
    this.waiting.push(arrival);
    if (this.bufferedCount > arrivalBufferMax) this.dropOldest();
    if (this.waiting.length >= arrivalBatchMax) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), arrivalFlushMs);
  }

  /** Accepted and not yet acknowledged. */
  get bufferedCount(): number {
    return this.waiting.length + this.batchedCount;
  }

  async stop(): Promise<void> {
    this.flush();
    const late = systemClock.sleep(lastFlushMaxMs);
    while (this.sending !== undefined && this.options.bus.isConnected) {
      const isLate = await Promise.race([this.sending.then(() => false), late.then(() => true)]);
      if (isLate) break;
    }
    this.isStopped = true;
    clearTimeout(this.timer);
    if (this.bufferedCount > 0) {
      this.logger.warn("arrivals lost at the end", { count: this.bufferedCount });
    }
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.isStopped || this.sending !== undefined) return;
    this.makeBatches();
    if (this.batches.length === 0) return;
    this.sending = this.send().finally(() => {
      this.sending = undefined;
      if (this.bufferedCount > 0 && !this.isStopped) {
        const isStuck = this.batches.length > 0;
        this.timer ??= setTimeout(() => this.flush(), isStuck ? sendAgainMs : arrivalFlushMs);
      }
    });
  }

  private makeBatches(): void {
    const byShard = new Map<number, Arrival[]>();
    for (const arrival of this.waiting) {
      const shard = subjects.shardOf(arrival.functionName, this.options.shardCount);
      let own = byShard.get(shard);
      if (own === undefined || own.length >= arrivalBatchMax) {
        own = [];
        byShard.set(shard, own);
        this.batches.push({ id: randomUUID(), shard, arrivals: own });
      }
      own.push(arrival);
    }
    this.batchedCount += this.waiting.length;
    this.waiting = [];
  }

  private async send(): Promise<void> {
    if (!this.options.bus.isConnected) return;
    const unsent = new Set(this.batches);
    await Promise.all(
      this.batches.map(async (batch) => {
        try {
          await this.publish(batch);
          unsent.delete(batch);
        } catch (error) {
          this.logger.warn("arrivals not stored yet", { error: messageOf(error) });
        }
      }),
    );
    // Some may have been dropped meanwhile.
    this.batches = this.batches.filter((batch) => unsent.has(batch));
    this.batchedCount = this.batches.reduce((sum, { arrivals }) => sum + arrivals.length, 0);
  }

  private async publish({ id, shard, arrivals }: Batch): Promise<void> {
    const message = {
      arrivals: arrivals.map(({ atMs, ...arrival }) => ({ ...arrival, at: toTimestamp(atMs) })),
    };
    await this.options.client.publish(
      subjects.arrivals(shard),
      tidepool.internal.v1.ArrivalBatch.encode(message).finish(),
      {
        msgID: id,
        timeout: storeTimeoutMs,
        headers: this.options.bus.outgoingHeaders(undefined),
      },
    );
  }

  private dropOldest(): void {
    const oldest = this.batches.shift();
    const count = oldest?.arrivals.length ?? this.waiting.splice(0, arrivalBatchMax).length;
    if (oldest !== undefined) this.batchedCount -= count;
    this.droppedCount += count;
    this.logger.warn("arrivals dropped: the buffer is full", {
      count,
      droppedCount: this.droppedCount,
      arrivalBufferMax,
    });
  }
}
