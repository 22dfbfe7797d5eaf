/**
 * What functions use, added up by function version and minute, and written to the usage stream: at the end of
 * each minute, and what there is at the stop. A record has an id, by which one that comes twice counts once.
 */
import { randomUUID } from "node:crypto";
import type { Clock, Logger } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import type { Bus, Stoppable } from "./bus.ts";
import type { Storage } from "./storage.ts";
import { StreamWriter } from "./stream-writer.ts";

export interface UsageOf {
  readonly tenant: string;
  readonly functionName: string;
  readonly version: string;
}

export interface Usage {
  calls: number;
  failedCalls: number;
  throttledCalls: number;
  gbSeconds: number;
  idleGbSeconds: number;
}

export interface UsageBookOptions {
  readonly bus: Bus;
  readonly storage: Pick<Storage, "client">;
  /** "frontend" or "host", and its id. */
  readonly source: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called before records are made: what goes on is to be added up to now. */
  readonly settle?: (nowMs: number) => void;
  /** Default usagePeriodMs. */
  readonly periodMs?: number | undefined;
}

/** A record is about so long at most. */
export const usagePeriodMs = 60_000;
/** Records that wait while NATS is away. */
export const usageWaitingBytesMax = 16 * 1024 * 1024;

export class UsageBook implements Stoppable {
  private readonly options: UsageBookOptions;
  private readonly writer: StreamWriter;
  private readonly process = randomUUID();
  private readonly used = new Map<string, { readonly of: UsageOf; readonly usage: Usage }>();
  private fromMs: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: UsageBookOptions) {
    this.options = options;
    const { bus, storage, clock } = options;
    const logger = options.logger.child({ part: "usage" });
    const bytesMax = usageWaitingBytesMax;
    this.writer = new StreamWriter({ bus, client: storage.client, logger, bytesMax });
    this.fromMs = clock.nowMs();
    this.flushLater();
  }

  add(of: UsageOf, amount: Partial<Usage>): void {
    const key = `${of.functionName}@${of.version}`;
    let entry = this.used.get(key);
    if (entry === undefined) {
      const usage = {
        calls: 0,
        failedCalls: 0,
        throttledCalls: 0,
        gbSeconds: 0,
        idleGbSeconds: 0,
      };
      this.used.set(key, (entry = { of, usage }));
    }
    for (const [name, value] of Object.entries(amount)) entry.usage[name as keyof Usage] += value;
  }

  /** Writes what there is. */
  flush(): void {
    const { clock, source, settle } = this.options;
    const toMs = clock.nowMs();
    settle?.(toMs);
    for (const [key, { of, usage }] of this.used) {
      const record = {
        ...of,
        ...usage,
        source,
        fromAt: toTimestamp(this.fromMs),
        toAt: toTimestamp(toMs),
        id: `${this.process}/${this.fromMs}/${key}`,
      };
      const bytes = tidepool.v1.UsageRecord.encode(record).finish();
      this.writer.add({ subject: subjects.usage(of.functionName), bytes, count: 1 });
    }
    this.used.clear();
    this.fromMs = toMs;
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.flush();
    await this.writer.stop();
  }

  /** At full minutes, so that the records of all sources lie side by side. */
  private flushLater(): void {
    const { clock, periodMs = usagePeriodMs } = this.options;
    const leftMs = periodMs - (clock.nowMs() % periodMs);
    this.timer = setTimeout(() => {
      this.flush();
      this.flushLater();
    }, leftMs);
  }
}
