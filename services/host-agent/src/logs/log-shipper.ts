/**
 * Batches of log lines on their way to the log stream: sent until they are acknowledged. What had to be dropped
 * meanwhile is said in the function's own log, in its place, as soon as lines get through again.
 */
import { StreamWriter } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import type { Clock, Logger } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";

type LogBatch = tidepool.internal.v1.LogBatch.$Properties;

/** Lines that wait while NATS is away, encoded. */
export const logsWaitingBytesMax = 8 * 1024 * 1024;

export class LogShipper implements Stoppable {
  private readonly hostId: string;
  private readonly clock: Clock;
  private readonly writer: StreamWriter;
  /** Lines by function. */
  private readonly lost = new Map<string, number>();

  constructor(options: {
    readonly hostId: string;
    readonly bus: Bus;
    readonly storage: Pick<Storage, "client">;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly bytesMax?: number;
  }) {
    const { hostId, bus, storage, clock, logger, bytesMax = logsWaitingBytesMax } = options;
    this.hostId = hostId;
    this.clock = clock;
    this.writer = new StreamWriter({
      bus,
      client: storage.client,
      logger: logger.child({ part: "logs" }),
      bytesMax,
      onDropped: ({ subject, count }) => this.noteLost(subject, count),
      onDrained: () => this.tellLost(),
    });
  }

  logs(batch: LogBatch): void {
    const functionName = batch.functionName ?? "";
    const subject = subjects.functionLog(functionName);
    const lostCount = this.lost.get(functionName) ?? 0;
    this.lost.delete(functionName);
    const lines = batch.lines ?? [];
    const marked =
      lostCount === 0 ? batch : { ...batch, lines: [this.mark(lines[0], lostCount), ...lines] };
    const bytes = tidepool.internal.v1.LogBatch.encode(marked).finish();
    // A mark that is dropped too is made up for by the next: it counts for what it told.
    this.writer.add({ subject, bytes, count: lines.length + lostCount });
  }

  stop(): Promise<void> {
    return this.writer.stop();
  }

  private noteLost(subject: string, count: number): void {
    const functionName = subject.slice(subject.lastIndexOf(".") + 1);
    this.lost.set(functionName, (this.lost.get(functionName) ?? 0) + count);
  }

  private tellLost(): void {
    for (const functionName of this.lost.keys()) this.logs({ functionName, lines: [] });
  }

  private mark(
    next: tidepool.v1.LogLine.$Properties | undefined,
    count: number,
  ): tidepool.v1.LogLine.$Properties {
    return {
      ...next,
      at: next?.at ?? toTimestamp(this.clock.nowMs()),
      requestId: "",
      hostId: this.hostId,
      stream: "stderr",
      text: `… [${count} lines dropped: the log could not be stored]`,
    };
  }
}
