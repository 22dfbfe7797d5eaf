/** What was expected of calls, to the stream that explains them. */
import { RecordWriter } from "@tidepool/actors";
import type { Bus } from "@tidepool/actors";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import type { ExplanationSink } from "../ports.ts";

export class NatsExplanations implements ExplanationSink {
  private readonly writer: RecordWriter;

  constructor(bus: Bus, logger: Logger) {
    this.writer = new RecordWriter({ bus, logger });
  }

  add(requestId: string, make: () => tidepool.v1.CallExpectation.$Properties): void {
    if (!subjects.isToken(requestId)) return;
    this.writer.add(subjects.callExpectation(requestId), () =>
      tidepool.v1.CallExpectation.encode(make()).finish(),
    );
  }

  stop(): Promise<void> {
    return this.writer.stop();
  }
}
