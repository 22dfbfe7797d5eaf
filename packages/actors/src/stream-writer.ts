/**
 * Messages to a stream that must not be lost silently: each is sent with an id until it is acknowledged, so that
 * it is stored once; while NATS is away they wait in a bounded queue, and when that is full the oldest are
 * dropped and told of.
 */
import { randomUUID } from "node:crypto";
import type { JetStreamClient } from "@nats-io/jetstream";
import { messageOf, systemClock } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import type { Bus, Stoppable } from "./bus.ts";

export interface WaitingMessage {
  readonly subject: string;
  readonly bytes: Uint8Array;
  /** Lines, records: what is counted when it is dropped. */
  readonly count: number;
}

export interface StreamWriterOptions {
  readonly bus: Pick<Bus, "isConnected" | "outgoingHeaders">;
  readonly client: Pick<JetStreamClient, "publish">;
  readonly logger: Logger;
  /** What may wait. */
  readonly bytesMax: number;
  readonly onDropped?: (message: WaitingMessage) => void;
  /** All that waited is stored. */
  readonly onDrained?: () => void;
}

/** Sent before the first of them is acknowledged. */
export const sendAtOnceMax = 32;
/** Longest that an acknowledgement is waited for. */
export const ackTimeoutMs = 5_000;
/** Before what was not acknowledged is sent again. */
export const sendAgainMs = 250;
/** Longest that stop() waits for the last acknowledgements. */
export const lastSendMaxMs = 1_000;

interface Identified extends WaitingMessage {
  readonly id: string;
}

export class StreamWriter implements Stoppable {
  private readonly options: StreamWriterOptions;
  private readonly prefix = randomUUID();
  private queue: Identified[] = [];
  private bytes = 0;
  private sentCount = 0;
  private sending: Promise<void> | undefined;
  private isStopped = false;
  /** Of all messages, since the start. */
  droppedCount = 0;

  constructor(options: StreamWriterOptions) {
    this.options = options;
  }

  add(message: WaitingMessage): void {
    this.sentCount += 1;
    this.queue.push({ ...message, id: `${this.prefix}.${this.sentCount}` });
    this.bytes += message.bytes.byteLength;
    while (this.bytes > this.options.bytesMax && this.queue.length > 1) this.dropOldest();
    this.sending ??= this.send().finally(() => {
      this.sending = undefined;
    });
  }

  /** Accepted and not yet acknowledged. */
  get waitingCount(): number {
    return this.queue.length;
  }

  async stop(): Promise<void> {
    const late = systemClock.sleep(lastSendMaxMs);
    if (this.options.bus.isConnected) await Promise.race([this.sending, late]);
    this.isStopped = true;
    const count = this.queue.reduce((sum, message) => sum + message.count, 0);
    if (count > 0) this.options.logger.warn("messages lost at the end", { count });
  }

  private async send(): Promise<void> {
    while (this.queue.length > 0 && !this.isStopped) {
      const isDone = this.options.bus.isConnected && (await this.sendSome());
      if (!isDone) await systemClock.sleep(sendAgainMs);
      else if (this.queue.length === 0) this.options.onDrained?.();
    }
  }

  private async sendSome(): Promise<boolean> {
    const some = this.queue.slice(0, sendAtOnceMax);
    const results = await Promise.allSettled(
      some.map(({ subject, bytes, id }) =>
        this.options.client.publish(subject, bytes, {
          msgID: id,
          timeout: ackTimeoutMs,
          headers: this.options.bus.outgoingHeaders(undefined),
        }),
      ),
    );
    const stored = new Set(some.filter((_, index) => results[index]?.status === "fulfilled"));
    // Some may have been dropped meanwhile.
    this.queue = this.queue.filter((message) => !stored.has(message));
    this.bytes = this.queue.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return true;
    const error = messageOf(failed.reason);
    this.options.logger.warn("messages not stored yet", { count: this.queue.length, error });
    return false;
  }

  private dropOldest(): void {
    const oldest = this.queue.shift();
    if (oldest === undefined) return;
    this.bytes -= oldest.bytes.byteLength;
    this.droppedCount += oldest.count;
    this.options.logger.warn("messages dropped: the queue is full", {
      subject: oldest.subject,
      count: oldest.count,
      droppedCount: this.droppedCount,
    });
    this.options.onDropped?.(oldest);
  }
}
