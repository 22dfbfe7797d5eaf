/**
 * Records that explain things to people, sent to a stream without waiting for an acknowledgement: gathered for
 * a moment and written together, so that what they tell of never waits for them. While NATS is away, or when
 * more come than are kept, they are dropped, counted and logged.
 */
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import type { Bus } from "./bus.ts";

export interface RecordWriterOptions {
  readonly bus: Pick<Bus, "isConnected" | "connection">;
  readonly logger: Logger;
}

/** Longest a record waits for others. */
export const recordFlushMs = 50;
/** Records that may wait: more than these in one moment are not explained. */
export const recordsWaitingMax = 500;

interface Waiting {
  readonly subject: string;
  readonly encode: () => Uint8Array;
}

export class RecordWriter {
  private readonly bus: RecordWriterOptions["bus"];
  private readonly logger: Logger;
  private waiting: Waiting[] = [];
  private surplusCount = 0;
  private timer: NodeJS.Timeout | undefined;
  /** Since the start. */
  droppedCount = 0;

  constructor({ bus, logger }: RecordWriterOptions) {
    this.bus = bus;
    this.logger = logger.child({ part: "records" });
  }

  /** @param encode called later, off the path of what is told of */
  add(subject: string, encode: () => Uint8Array): void {
    if (this.waiting.length < recordsWaitingMax) this.waiting.push({ subject, encode });
    else this.surplusCount += 1;
    this.timer ??= setTimeout(() => this.flush(), recordFlushMs);
  }

  /** Sends what waits. */
  stop(): Promise<void> {
    this.flush();
    return Promise.resolve();
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const records = this.waiting;
    this.waiting = [];
    if (this.surplusCount > 0) this.noteDropped(this.surplusCount, "too many at once");
    this.surplusCount = 0;
    if (records.length === 0) return;
    if (!this.bus.isConnected) return this.noteDropped(records.length, "NATS is away");
    for (const [index, { subject, encode }] of records.entries()) {
      try {
        this.bus.connection.publish(subject, encode());
      } catch (error) {
        return this.noteDropped(records.length - index, messageOf(error));
      }
    }
  }

  private noteDropped(count: number, reason: string): void {
    this.droppedCount += count;
    const { droppedCount } = this;
    this.logger.warn("explanations dropped", { count, droppedCount, reason });
  }
}
