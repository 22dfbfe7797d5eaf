/** What is recorded of calls: written by frontends and shards as calls come, read to explain one. */
import { DeliverPolicy } from "@nats-io/jetstream";
import { callsAgeMaxMs, RecordWriter } from "@tidepool/actors";
import type { Bus, Storage } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { fromTimestamp, subjects, tidepool } from "@tidepool/proto";
import type { Step } from "../explain/call-facts.ts";
import { factsReadMax, factsReadMaxMs, storeTimeoutMs, vmStepsMax } from "../limits.ts";
import type { CallRecordReader, OutcomeSink } from "../ports.ts";
import { within } from "./store-failure.ts";

const { CallExpectation, CallOutcome } = tidepool.v1;

/** How long a call is told of, for messages. */
export const callRecordsKeptHours = callsAgeMaxMs / 3_600_000;

export class NatsOutcomes implements OutcomeSink {
  private readonly writer: RecordWriter;

  constructor(bus: Bus, logger: Logger) {
    this.writer = new RecordWriter({ bus, logger });
  }

  add(requestId: string, make: () => tidepool.v1.CallOutcome.$Properties): void {
    this.writer.add(subjects.callOutcome(requestId), () => CallOutcome.encode(make()).finish());
  }

  stop(): Promise<void> {
    return this.writer.stop();
  }
}

export class NatsCallRecords implements CallRecordReader {
  private readonly bus: Bus;
  private readonly storage: Storage;

  constructor(bus: Bus, storage: Storage) {
    this.bus = bus;
    this.storage = storage;
  }

  async outcome(requestId: string): Promise<tidepool.v1.CallOutcome | undefined> {
    const bytes = await this.last(subjects.callOutcome(requestId));
    return bytes === undefined ? undefined : CallOutcome.decode(bytes);
  }

  async expectation(requestId: string): Promise<tidepool.v1.CallExpectation | undefined> {
    const bytes = await this.last(subjects.callExpectation(requestId));
    return bytes === undefined ? undefined : CallExpectation.decode(bytes);
  }

  /** The newest vmStepsMax; none when there are more facts than can be read in the time for it. */
  async vmSteps(functionName: string, fromMs: number, untilMs: number): Promise<readonly Step[]> {
    this.requireNats();
    const what = "reading what became of VMs";
    const consumer = await within(
      what,
      storeTimeoutMs,
      this.storage.client.consumers.get(subjects.streams.facts, {
        filter_subjects: subjects.allVmFacts,
        deliver_policy: DeliverPolicy.StartTime,
        opt_start_time: new Date(fromMs).toISOString(),
      }),
    );
    const { num_pending: pendingCount } = await within(what, storeTimeoutMs, consumer.info());
    if (pendingCount === 0 || pendingCount > factsReadMax) return [];
    const messages = await within(what, storeTimeoutMs, consumer.consume());
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      void messages.close();
    }, factsReadMaxMs);
    const steps: Step[] = [];
    try {
      for await (const message of messages) {
        const step = stepOf(tidepool.internal.v1.VmFact.decode(message.data), functionName);
        if (step !== undefined && step.atMs >= fromMs && step.atMs <= untilMs) steps.push(step);
        if (message.info.pending === 0) break;
      }
    } finally {
      clearTimeout(timer);
      await messages.close();
    }
    return isLate ? [] : steps.slice(-vmStepsMax);
  }

  private async last(subject: string): Promise<Uint8Array | undefined> {
    this.requireNats();
    const found = await within(
      "reading what is recorded of the call",
      storeTimeoutMs,
      this.storage.manager.streams.getMessage(subjects.streams.calls, { last_by_subj: subject }),
    );
    return found?.data;
  }

  private requireNats(): void {
    if (this.bus.isConnected) return;
    throw new TidepoolError(
      "unavailable",
      "calls cannot be explained: the NATS connection is lost",
      { reason: "natsAway" },
    );
  }
}

function stepOf(fact: tidepool.internal.v1.VmFact, functionName: string): Step | undefined {
  if (fact.functionName !== functionName) return undefined;
  const { vmId, hostId, phase, reason } = fact;
  const isTold = phase === "loading" || phase === "idle" || phase === "busy" || phase === "gone";
  return isTold ? { atMs: fromTimestamp(fact.at) ?? 0, vmId, hostId, phase, reason } : undefined;
}
