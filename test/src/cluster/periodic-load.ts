/**
 * Functions that are called at fixed periods, each its own, beside other load: half of them wait for their answer, half
 * are accepted. How each call found its VM says whether it had been predicted.
 */
import { messageOf, systemClock } from "@tidepool/common";
import type { FunctionSettings, Start, TidepoolClient } from "@tidepool/sdk";
import { again, failureOf } from "./load.ts";
import type { FailedCall } from "./load.ts";

export interface PeriodicCall {
  readonly name: string;
  readonly atMs: number;
  /** Undefined when it failed. */
  readonly start: Start | undefined;
  /** Why it was not predicted, when it should have been. */
  readonly why: string | undefined;
}

interface Answered {
  readonly start: Start | undefined;
  readonly requestId: string;
}

interface Rhythm {
  readonly name: string;
  readonly periodMs: number;
  readonly isAsync: boolean;
}

const callTimeoutMs = 30_000;
const endMaxMs = 120_000;
const pollMs = 200;

/** Short enough that every kill is seen to be recovered from, long beside the second and more that a window takes. */
const periodsMs = [5_000, 6_000, 7_000, 8_000, 9_000, 10_000, 12_000, 15_000];
/** Shorter than every period: without a prediction a call finds no VM of its function. */
const keepAliveMs = 3_000;

export const rhythms: readonly Rhythm[] = periodsMs.map((periodMs, index) => ({
  name: `every${periodMs / 1_000}s`,
  periodMs,
  isAsync: index % 2 === 1,
}));
export const periodicFunctions: Readonly<Record<string, Partial<FunctionSettings>>> =
  Object.fromEntries(rhythms.map(({ name }) => [name, { keepAliveMs }]));

/** Whether a VM had been made ready for the call, or kept for it. */
export function isPrepared({ start }: PeriodicCall): boolean {
  return start === "predicted" || start === "warm";
}

export class PeriodicLoad {
  /** In the order of their ends. */
  readonly calls: PeriodicCall[] = [];
  readonly failures: FailedCall[] = [];
  readonly refusals: FailedCall[] = [];
  readonly acceptedIds: string[] = [];
  syncCount = 0;
  #isLearned = false;
  readonly #client: TidepoolClient;
  readonly #running: Promise<void>;

  /** Runs until the signal aborts. */
  constructor(client: TidepoolClient, signal: AbortSignal) {
    this.#client = client;
    const all = rhythms.map((rhythm, index) => this.#run(rhythm, index, signal));
    this.#running = Promise.all(all).then(() => undefined);
  }

  /** Resolves when calls of every function have been prepared for so many times in a row. */
  async untilPredicted(inARow: number, timeoutMs: number): Promise<void> {
    const deadlineAtMs = systemClock.nowMs() + timeoutMs;
    const missing = (): readonly string[] =>
      rhythms.map(({ name }) => name).filter((name) => !this.#isSteady(name, inARow));
    while (missing().length > 0) {
      if (systemClock.nowMs() > deadlineAtMs)
        throw new Error(`not predicted in ${timeoutMs} ms: ${missing().join(", ")}`);
      await systemClock.sleep(pollMs);
    }
    this.#isLearned = true;
  }

  /** Resolves when the calls under way have ended. */
  ended(): Promise<void> {
    return this.#running;
  }

  #isSteady(name: string, inARow: number): boolean {
    const last = this.calls.filter((call) => call.name === name).slice(-inARow);
    return last.length === inARow && last.every(isPrepared);
  }

  async #run(rhythm: Rhythm, index: number, signal: AbortSignal): Promise<void> {
    const underWay: Promise<void>[] = [];
    // Not all at once, now and whenever their periods meet.
    let dueAtMs = systemClock.nowMs() + index * 370;
    for (;;) {
      await systemClock.sleep(dueAtMs - systemClock.nowMs(), signal).catch(() => {});
      if (signal.aborted) break;
      underWay.push(this.#call(rhythm, underWay.length));
      dueAtMs += rhythm.periodMs;
    }
    await Promise.all(underWay);
  }

  async #call({ name, isAsync }: Rhythm, payload: number): Promise<void> {
    const atMs = systemClock.nowMs();
    try {
      const answer = isAsync ? this.#accepted(name, payload) : this.#waited(name, payload);
      const { start, requestId } = await answer;
      const call = { name, atMs, start, why: undefined };
      const isSurprise = this.#isLearned && !isPrepared(call);
      this.calls.push(isSurprise ? { ...call, why: await this.#why(requestId) } : call);
    } catch (error) {
      // What becomes of an accepted call is looked up in the end.
      if (!isAsync) this.failures.push(failureOf(error, atMs));
      this.calls.push({ name, atMs, start: undefined, why: messageOf(error) });
    }
  }

  async #waited(name: string, payload: number): Promise<Answered> {
    this.syncCount += 1;
    return this.#client.invoke(name, payload, { timeoutMs: callTimeoutMs });
  }

  async #accepted(name: string, payload: number): Promise<Answered> {
    const dedupeKey = `${name}-${payload}`;
    const atMs = systemClock.nowMs();
    const accepting = again(() => this.#client.invokeAsync(name, payload, { dedupeKey }));
    accepting.catch((error: unknown) => this.refusals.push(failureOf(error, atMs)));
    const { requestId } = await accepting;
    this.acceptedIds.push(requestId);
    const call = await this.#client.waitForInvocation(requestId, { timeoutMs: endMaxMs });
    return { start: call.response?.start, requestId };
  }

  async #why(requestId: string): Promise<string> {
    const explained = this.#client.explainCall(requestId);
    return explained.then(({ reason, summary }) => `${reason}: ${summary}`, messageOf);
  }
}
