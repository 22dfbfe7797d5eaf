/**
 * Calls of one function that nothing follows from: further ones in a slot whose plan holds. They wait as bare
 * instants until what is remembered of the function is looked at, and are learned from then, each as if it
 * had just come. Two in three calls are such.
 */
import type { FunctionPolicy, FunctionRecord, PlanPolicy } from "@tidepool/policy";
import { copyLedger, noteCall, noteKeep } from "./window-ledger.ts";
import type { WindowLedger } from "./window-ledger.ts";

/** More are learned from at once. */
export const waitingCallsMax = 256;

/** What is remembered of a function. */
export interface Remembered {
  record: FunctionRecord;
  ledger: WindowLedger | undefined;
}

/** By what calls are learned from. */
export interface Learning {
  readonly policy: FunctionPolicy;
  readonly settings: PlanPolicy;
  /** What each leaves stays as long as hosts keep it by themselves. */
  readonly isKeptAsUsual: boolean;
}

export class WaitingCalls {
  readonly learning: Learning;
  private readonly atMs: number[] = [];
  /** As it was before the first of them, once they were learned from. */
  private before: Remembered | undefined;

  constructor(learning: Learning) {
    this.learning = learning;
  }

  get count(): number {
    return this.atMs.length;
  }

  add(atMs: number): void {
    this.atMs.push(atMs);
  }

  learnInto(remembered: Remembered): void {
    const { record, ledger } = remembered;
    this.before = { record, ledger: ledger === undefined ? undefined : copyLedger(ledger) };
    this.learn(remembered, this.atMs.length);
  }

  /** What was remembered when so many of them had come; known when they have been learned from. */
  rememberedAfter(count: number): Remembered | undefined {
    if (this.before === undefined) return undefined;
    const { record, ledger } = this.before;
    const then = { record, ledger: ledger === undefined ? undefined : copyLedger(ledger) };
    this.learn(then, count);
    return then;
  }

  private learn(remembered: Remembered, count: number): void {
    const { policy, settings, isKeptAsUsual } = this.learning;
    const { keepAliveMs } = settings;
    const { ledger } = remembered;
    for (const atMs of this.atMs.slice(0, count)) {
      if (ledger !== undefined) {
        noteCall(ledger, atMs, keepAliveMs);
        if (isKeptAsUsual) noteKeep(ledger, atMs + keepAliveMs);
      }
      remembered.record = policy.noteArrival(remembered.record, settings, atMs);
    }
  }
}
