/** Follows each call to its end and has what came of it recorded; knows which calls are under way. */
import type { Usage, UsageBook } from "@tidepool/actors";
import { TidepoolError, given } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { failureRecordMaxLength, underWayNamedMax } from "../limits.ts";
import type { OutcomeSink } from "../ports.ts";
import type { CallFailureDetails } from "./invocation.ts";
import type { Answer } from "./router.ts";

export interface TrackedCall {
  readonly tenant: string;
  readonly requestId: string;
  readonly functionName: string;
  readonly version: string;
  readonly atMs: number;
}

export class CallTracker {
  private readonly outcomes: OutcomeSink;
  private readonly clock: Clock;
  private readonly usage: Pick<UsageBook, "add">;
  /** By function version, oldest first. */
  private readonly underWay = new Map<string, Set<TrackedCall>>();

  constructor(outcomes: OutcomeSink, clock: Clock, usage: Pick<UsageBook, "add">) {
    this.outcomes = outcomes;
    this.clock = clock;
    this.usage = usage;
  }

  async track(call: TrackedCall, work: () => Promise<Answer>): Promise<Answer> {
    const key = `${call.functionName}@${call.version}`;
    const others = this.underWay.get(key) ?? new Set<TrackedCall>();
    const found = { underWayCount: others.size, underWay: named(others) };
    this.underWay.set(key, others.add(call));
    try {
      const answer = await work();
      this.record(call, found, () => resultOf(answer));
      this.usage.add(call, { calls: 1 });
      return answer;
    } catch (thrown) {
      const error = TidepoolError.from(thrown);
      this.record(call, found, () => failureOf(error));
      this.usage.add(call, usageOf(error));
      throw thrown;
    } finally {
      others.delete(call);
      if (others.size === 0) this.underWay.delete(key);
    }
  }

  private record(
    { requestId, functionName, version, atMs }: TrackedCall,
    found: { readonly underWayCount: number; readonly underWay: string[] },
    rest: () => tidepool.v1.CallOutcome.$Properties,
  ): void {
    const endedAtMs = this.clock.nowMs();
    this.outcomes.add(requestId, () => ({
      requestId,
      functionName,
      version,
      at: toTimestamp(atMs),
      endedAt: toTimestamp(endedAtMs),
      ...found,
      ...rest(),
    }));
  }
}

/** What was refused at the door is no call. */
function usageOf({ code }: TidepoolError): Partial<Usage> {
  return code === "throttled" ? { throttledCalls: 1 } : { calls: 1, failedCalls: 1 };
}

function named(calls: ReadonlySet<TrackedCall>): string[] {
  const ids: string[] = [];
  for (const { requestId } of calls) {
    if (ids.length >= underWayNamedMax) break;
    ids.push(requestId);
  }
  return ids;
}

function resultOf(answer: Answer): tidepool.v1.CallOutcome.$Properties {
  const { version, start, stages, vmId, hostId, readyBeforeMs, window } = answer;
  const common = { version, start, stages, vmId, hostId, readyBeforeMs };
  return window === undefined ? common : { ...common, window };
}

function failureOf(error: TidepoolError): tidepool.v1.CallOutcome.$Properties {
  const { start, stages, vmId, hostId } = error.details as Partial<CallFailureDetails>;
  return {
    failureCode: error.code,
    failureMessage: error.message.slice(0, failureRecordMaxLength),
    ...given({ start, stages, vmId, hostId }),
  };
}
