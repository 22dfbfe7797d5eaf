/**
 * Which functions are to be planned for, and when: those just called, and those whose instant has come. The
 * work is done in turns of bounded length, so that calls that wait for a VM, heartbeats and new arrivals come
 * between two of them, whatever falls due at once. Nothing is scanned.
 */
import type { Clock } from "@tidepool/common";
import type { FunctionState } from "./function-state.ts";
import { WakeHeap } from "./wake-heap.ts";

/** A turn ends when so long a time has passed; what is left is for the next. */
export const turnMsMax = 10;
/** setTimeout's own limit is far longer; waking once a day for nothing costs nothing. */
const wakeDelayMaxMs = 86_400_000;

/** A function for which nothing is planned is looked at again at most once in so long, as share of its keep-alive. */
export const quietShare = 1 / 600;

export interface PlanWork {
  plan(state: FunctionState, isAfterCall: boolean): void;
  /** Nothing of what was planned for is held on to. */
  rest(): void;
}

export class PlanQueue {
  private readonly clock: Clock;
  private readonly work: PlanWork;
  private readonly wakes = new WakeHeap<FunctionState>();
  private readonly called = new Set<FunctionState>();
  private timer: NodeJS.Timeout | undefined;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private next: NodeJS.Immediate | undefined;
  /** Of the turn that has begun. */
  private endsAtMs: number | undefined;
  private isStopped = false;

  constructor(clock: Clock, work: PlanWork) {
    this.clock = clock;
    this.work = work;
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    clearImmediate(this.next);
  }

  /** Its next instant; undefined when only a call can change its plan. `run` is to follow. */
  wakeAt(state: FunctionState, atMs: number | undefined): void {
    this.wakes.set(state, atMs);
  }

  /** Calls of it were learned from: it is planned for at once, while its turn lasts. `run` is to follow. */
  noteCalled(state: FunctionState, keepAliveMs: number): void {
    const nowMs = this.clock.nowMs();
    if (nowMs < state.heldUntilMs && state.mix === undefined) return;
    state.isCalled = true;
    const nextAtMs = state.quietSinceMs + keepAliveMs * quietShare;
    if (nextAtMs <= nowMs) {
      this.endsAtMs ??= performance.now() + turnMsMax;
      if (performance.now() < this.endsAtMs) this.plan(state);
      else this.called.add(state);
    } else if (state.wakeAtMs === undefined || state.wakeAtMs > nextAtMs)
      this.wakes.set(state, nextAtMs);
  }

  forget(state: FunctionState): void {
    this.wakes.set(state, undefined);
    this.called.delete(state);
  }

  /**
   * One turn. Who was called and who is due take turns: neither holds up the other.
   * @returns whether anything is left for the next
   */
  run(): boolean {
    if (this.isStopped) return false;
    const endsAtMs = this.endsAtMs ?? performance.now() + turnMsMax;
    this.endsAtMs = undefined;
    const nowMs = this.clock.nowMs();
    let isMore: boolean;
    // However short the time that is left of it, a turn does something.
    do {
      const due = this.wakes.takeDue(nowMs);
      if (due !== undefined) this.plan(due);
      const called = this.takeCalled();
      if (called !== undefined) this.plan(called);
      isMore = due !== undefined || called !== undefined;
    } while (isMore && performance.now() < endsAtMs);
    if (isMore) this.next ??= setImmediate(() => this.goOn());
    else this.arm();
    return isMore;
  }

  /** Sees to it that the soonest instant is not missed. */
  private arm(): void {
    const nextAtMs = this.wakes.nextAtMs();
    if (nextAtMs === undefined || nextAtMs >= this.timerAtMs || this.isStopped) return;
    clearTimeout(this.timer);
    this.timerAtMs = nextAtMs;
    const delayMs = Math.max(0, Math.ceil(nextAtMs - this.clock.nowMs()));
    this.timer = setTimeout(
      () => {
        this.timerAtMs = Number.POSITIVE_INFINITY;
        this.run();
      },
      Math.min(delayMs, wakeDelayMaxMs),
    );
  }

  private plan(state: FunctionState): void {
    const { isCalled } = state;
    state.isCalled = false;
    this.work.plan(state, isCalled);
    this.work.rest();
  }

  private goOn(): void {
    this.next = undefined;
    this.run();
  }

  private takeCalled(): FunctionState | undefined {
    for (const state of this.called) {
      this.called.delete(state);
      return state;
    }
    return undefined;
  }
}
