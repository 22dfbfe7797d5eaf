/** Answers why one call started as it did: gathers what is recorded of it, and puts it into words. */
import { TidepoolError, given } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { subjects, toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { recordWaitMaxMs, vmFactsKeptMs } from "../limits.ts";
import { callRecordsKeptHours } from "../nats/call-records.ts";
import type { CallRecordReader } from "../ports.ts";
import { parseExpectation, parseOutcome } from "./call-facts.ts";
import type { Expectation, Outcome, Step } from "./call-facts.ts";
import { explain } from "./reason.ts";

const recordPollMs = 50;

interface Found {
  readonly outcome: tidepool.v1.CallOutcome | undefined;
  readonly expectation: tidepool.v1.CallExpectation | undefined;
}

export class CallExplainer {
  private readonly records: CallRecordReader;
  private readonly clock: Clock;

  constructor(records: CallRecordReader, clock: Clock) {
    this.records = records;
    this.clock = clock;
  }

  /** @throws TidepoolError `notFound` that names how long calls are told of */
  async explain(
    requestId: string,
    signal: AbortSignal,
  ): Promise<tidepool.v1.ExplainCallResponse.$Properties> {
    if (!subjects.isToken(requestId)) {
      throw new TidepoolError(
        "invalid",
        `request id must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
      );
    }
    const found = await this.find(requestId, signal);
    const outcome = found.outcome === undefined ? undefined : parseOutcome(found.outcome);
    const expectation =
      found.expectation === undefined ? undefined : parseExpectation(found.expectation);
    const [underWay, steps] = await Promise.all([
      this.underWay(outcome),
      this.steps(outcome, expectation),
    ]);
    const functionName = outcome?.functionName ?? found.expectation?.functionName ?? "";
    return {
      requestId,
      ...explain({ outcome, expectation, underWay, steps }),
      functionName,
      ...given({ outcome: found.outcome, expectation: found.expectation }),
      vmSteps: steps.map(({ atMs, ...step }) => ({ ...step, at: toTimestamp(atMs) })),
    };
  }

  /** Of a call that has just been made one record may come a moment after the other. */
  private async find(requestId: string, signal: AbortSignal): Promise<Found> {
    const endsAtMs = this.clock.nowMs() + recordWaitMaxMs;
    for (;;) {
      const [outcome, expectation] = await Promise.all([
        this.records.outcome(requestId),
        this.records.expectation(requestId),
      ]);
      const isWhole = outcome !== undefined && expectation !== undefined;
      const mayCome = outcome === undefined || isRecent(outcome, this.clock.nowMs());
      if (isWhole || !mayCome || this.clock.nowMs() > endsAtMs) {
        if (outcome === undefined && expectation === undefined) throw notRecorded(requestId);
        return { outcome, expectation };
      }
      await this.clock.sleep(recordPollMs, signal);
    }
  }

  private async underWay(outcome: Outcome | undefined): Promise<readonly Outcome[]> {
    const ids = (outcome?.underWay ?? []).filter((id) => subjects.isToken(id));
    const found = await Promise.all(ids.map((id) => this.records.outcome(id)));
    return found.flatMap((wire) => (wire === undefined ? [] : [parseOutcome(wire)]));
  }

  private async steps(
    outcome: Outcome | undefined,
    expectation: Expectation | undefined,
  ): Promise<readonly Step[]> {
    if (outcome === undefined || expectation === undefined) return [];
    const begin = [expectation.prewarm?.orderedAtMs, expectation.previousCallAtMs, outcome.atMs];
    const fromMs = Math.min(...begin.filter((atMs) => atMs !== undefined));
    if (fromMs < this.clock.nowMs() - vmFactsKeptMs) return [];
    return this.records.vmSteps(outcome.functionName, fromMs, outcome.endedAtMs);
  }
}

function isRecent(outcome: tidepool.v1.CallOutcome, nowMs: number): boolean {
  return nowMs - parseOutcome(outcome).endedAtMs < recordWaitMaxMs;
}

function notRecorded(requestId: string): TidepoolError {
  return new TidepoolError(
    "notFound",
    `nothing is recorded of request '${requestId}'; calls are told of for ${callRecordsKeptHours} hours`,
  );
}
