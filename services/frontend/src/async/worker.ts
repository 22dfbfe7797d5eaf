/**
 * Runs accepted calls: takes work from the queue, claims its call, brings it to a VM as a waiting caller's,
 * and writes what came of it.
 *
 * A call never runs twice at once. Whoever runs it has a claim in its record, written by compare-and-set and
 * renewed while it runs; without one, or when it cannot be renewed, the attempt is ended in the guest well
 * before the claim expires and another may have it. What came of an attempt counts only while the record is
 * as its claim left it.
 */
import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { SpanKind } from "@opentelemetry/api";
import { messageOf, TidepoolError, withSpan } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import { answerToWire } from "../grpc/invoke-stream.ts";
import type { Invocation } from "../routing/invocation.ts";
import type { Answer } from "../routing/router.ts";
import { payloadKey } from "./async-calls.ts";
import type { AcceptedCall } from "./call.ts";
import { ClaimKeeper } from "./claim-keeper.ts";
import {
  drainAttemptsMaxMs,
  inlineMaxBytes,
  writeOutcomeAgainMs,
  writeOutcomeMaxMs,
} from "./limits.ts";
import { afterOutcome, beginStep } from "./next-state.ts";
import type { Outcome } from "./next-state.ts";
import { outcomeOfError } from "./outcome.ts";
import type { CallStore, PartStore, StoredCall, Work, WorkQueue } from "./ports.ts";
import type { Settler } from "./settler.ts";

export interface WorkerOptions {
  readonly calls: CallStore;
  readonly parts: PartStore;
  readonly queue: Pick<WorkQueue, "start" | "stop">;
  readonly settler: Settler;
  /** As a waiting caller's. */
  readonly invoke: (invocation: Invocation, signal: AbortSignal) => Promise<Answer>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: () => number;
}

const nothing = new Uint8Array();

/** Before work is looked at again after something unexpected. */
const lookAgainMs = 1_000;

export class AsyncWorker {
  private readonly options: WorkerOptions;
  private readonly logger: Logger;
  private readonly stopping = new AbortController();
  /** By request id; another frontend may cancel what runs here. */
  private readonly running = new Map<string, ClaimKeeper>();

  constructor(options: WorkerOptions) {
    this.options = options;
    this.logger = options.logger.child({ part: "async worker" });
    // All attempts listen: their number says nothing of a leak.
    setMaxListeners(0, this.stopping.signal);
  }

  start(): void {
    this.options.queue.start((work) => this.take(work));
  }

  /** Takes no more; what runs may finish within drainAttemptsMaxMs. */
  async stop(): Promise<void> {
    const drained = this.options.queue.stop();
    const late = setTimeout(() => this.stopping.abort(), drainAttemptsMaxMs);
    await drained;
    clearTimeout(late);
  }

  /** Looks at once whether the call is still this frontend's to run. */
  cancelled(requestId: string): void {
    void this.running.get(requestId)?.renew();
  }

  private async take(work: Work): Promise<void> {
    try {
      await this.advance(work);
    } catch (error) {
      const { requestId, functionName } = work;
      this.logger.warn("call put off", { requestId, functionName, error: messageOf(error) });
      work.putOff(lookAgainMs);
    }
  }

  private async advance(work: Work): Promise<void> {
    const { calls, clock } = this.options;
    const stored = await calls.find(work.requestId);
    if (stored === undefined) {
      this.logger.warn("work without a call dropped", { requestId: work.requestId });
      return work.done();
    }
    const nowMs = clock.nowMs();
    const step = beginStep(stored.call, nowMs, randomUUID());
    switch (step.kind) {
      case "wait":
        return work.putOff(step.untilMs - nowMs);
      case "ended":
        return this.finish(stored, work);
      case "end":
      case "claim": {
        const revision = await calls.replace(step.call, stored.revision);
        if (revision === undefined) return work.putOff(0);
        const written = { call: step.call, revision };
        if (step.kind === "end") return this.finish(written, work);
        return this.attempt(written, work);
      }
    }
  }

  private async attempt(claimed: StoredCall, work: Work): Promise<void> {
    const { calls, clock } = this.options;
    const { requestId } = work;
    const keeper = new ClaimKeeper({ calls, clock, claimed, keepWork: () => work.keep() });
    this.running.set(requestId, keeper);
    const stop = (): void => keeper.end("the frontend is stopping");
    this.stopping.signal.addEventListener("abort", stop, { once: true });
    let outcome: Outcome;
    try {
      outcome = await this.run(claimed.call, work, keeper.ended);
    } finally {
      this.stopping.signal.removeEventListener("abort", stop);
      this.running.delete(requestId);
    }
    const held = await keeper.release();
    // Cancelled, or taken by another: its record says which.
    if (held === undefined) return work.putOff(0);
    const ended = await this.write(held, outcome, work);
    if (ended === undefined) return work.putOff(0);
    if (ended.call.endedAtMs !== undefined) return this.finish(ended, work);
    work.putOff(Math.max(0, ended.call.nextAtMs - clock.nowMs()));
  }

  private async run(call: AcceptedCall, work: Work, signal: AbortSignal): Promise<Outcome> {
    const { requestId, functionName, qualifier, claim } = call;
    try {
      const payload = await this.payloadOf(work);
      if (payload === undefined) {
        throw new TidepoolError(
          "notFound",
          `the payload of call '${requestId}' is not kept any more`,
        );
      }
      const attemptId = claim?.ownerId ?? "";
      const invocation = { name: functionName, requestId, qualifier, payload, attemptId };
      const attributes = {
        "tidepool.function": functionName,
        "tidepool.request_id": requestId,
        "tidepool.attempt": call.attempts,
      };
      const answer = await withSpan("attempt", { kind: SpanKind.CONSUMER, attributes }, () =>
        this.options.invoke(invocation, signal),
      );
      return await this.answered(call, answer);
    } catch (thrown) {
      if (signal.aborted) return { kind: "interrupted" };
      return outcomeOfError(TidepoolError.from(thrown));
    }
  }

  private async answered(call: AcceptedCall, answer: Answer): Promise<Outcome> {
    const { payload } = answer;
    const key = `out-${call.claim?.number ?? 0}`;
    const isInline = payload.byteLength <= inlineMaxBytes;
    if (!isInline) await this.options.parts.put(call.requestId, key, payload);
    const result = { bytes: payload.byteLength, inline: isInline ? payload : undefined, key };
    const response = { ...answerToWire(answer), payload: nothing };
    return { kind: "answered", response, result };
  }

  /** Undefined when the claim was lost. NATS may be away for a while: the answer is worth waiting for. */
  private async write(
    held: StoredCall,
    outcome: Outcome,
    work: Work,
  ): Promise<StoredCall | undefined> {
    const { calls, clock, random = Math.random } = this.options;
    const call = afterOutcome(held.call, outcome, clock.nowMs(), random());
    const lastAtMs = clock.nowMs() + writeOutcomeMaxMs;
    for (;;) {
      try {
        const revision = await calls.replace(call, held.revision);
        return revision === undefined ? undefined : { call, revision };
      } catch (error) {
        if (clock.nowMs() > lastAtMs) throw error;
      }
      work.keep();
      await clock.sleep(writeOutcomeAgainMs);
    }
  }

  /** The call has ended: what follows is seen to, and its work leaves the queue. */
  private async finish({ call, revision }: StoredCall, work: Work): Promise<void> {
    const { calls, parts, settler } = this.options;
    if (!call.isSettled) {
      await settler.settle(call, (await this.payloadOf(work)) ?? nothing);
      await calls.replace({ ...call, isSettled: true }, revision);
    }
    if (work.payloadBytes > inlineMaxBytes) await parts.remove(call.requestId, payloadKey);
    await work.done();
  }

  private async payloadOf(work: Work): Promise<Uint8Array | undefined> {
    const { requestId, payload, payloadBytes } = work;
    if (payload.byteLength === payloadBytes) return payload;
    return this.options.parts.get(requestId, payloadKey, payloadBytes);
  }
}
