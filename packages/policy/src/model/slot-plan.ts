/**
 * When an instance of a function is to wait, slot by slot, as far as can be seen from its newest call: the
 * spans in which the probability of a call is worth its price. They follow from the record alone, so that
 * every moment between two calls sees the same plan.
 */
import type { FleetLearning } from "./fleet-learning.ts";
import { GapPaths } from "./gap-paths.ts";
import type { CallHistory } from "./history.ts";
import { rememberCalls, remembered, slotAt, type SlotMemory } from "./memory.ts";
import type { NetworkWeights } from "./network.ts";
import { degreeOf, settle, settleQuiet, surpriseSaved } from "./skill.ts";
import {
  allowedSlots,
  isCheaper,
  settleWarm,
  WarmRun,
  type Ahead,
  type Stance,
  type WarmAccount,
  type WarmPolicy,
} from "./warm.ts";

/** Slots after the newest call, both ends among them. */
export interface WarmSpan {
  readonly from: number;
  readonly to: number;
  /** That a call comes in it at all, if none came before. */
  readonly probability: number;
  /** The likeliest of its slots. */
  readonly likeliest: number;
  readonly peak: number;
}

/** A function with fewer slots of calls is not known well enough. */
const slotsKnownMin = 3;
/** Nats saved from which on there is a pattern: calls without memory reach it in fewer than one case of a hundred. */
const savedMin = 5;
/** A function whose latest so many gaps were short is taken to be called soon again. */
const soonGaps = 16;
/** A call later than so many slots after the one before teaches nothing of those between. */
const settledSlotsMax = 20_160;
/** Slots after which a span is cut; one that begins with the call is cut after its first. */
const spanSlotsMax = 4;

export class SlotPlanner {
  readonly #paths: GapPaths;

  constructor(weights: NetworkWeights, fleet?: FleetLearning) {
    this.#paths = new GapPaths(weights, fleet);
  }

  /** `count` calls arrived; the slots since the call before are learned from. */
  noteCalls(memory: SlotMemory, policy: WarmPolicy, atMs: number, count: number): SlotMemory {
    const { calls } = memory;
    const gap = slotAt(memory, atMs) - calls.lastSlot;
    if (calls.total === 0 || gap <= 0) return rememberCalls(memory, atMs, count);
    const learned = calls.clone();
    const account = { ...memory.account };
    this.#settle(memory, policy, gap, learned, account);
    const next = remembered(memory, learned, account, atMs, count);
    this.#paths.seekPeriod(next.calls);
    return next;
  }

  /** `count` calls arrived that others foresaw: the slots since the call before teach nothing. */
  passCalls(memory: SlotMemory, atMs: number, count: number): SlotMemory {
    const next = rememberCalls(memory, atMs, count);
    this.#paths.seekPeriod(next.calls);
    return next;
  }

  /** How far the function's calls can be told; 0 for those without a pattern. */
  degree({ calls }: SlotMemory): number {
    if (calls.total < slotsKnownMin) return 0;
    return surpriseSaved(calls) < savedMin ? 0 : degreeOf(calls);
  }

  /** VMs are loaded ahead of calls that have a pattern, and where that has been cheaper than to keep them. */
  stance(memory: SlotMemory): Stance {
    if (!isCheaper(memory.account)) return "keep";
    return this.degree(memory) > 0 ? "follow" : "stay";
  }

  /**
   * The spans that end at `from` or later, up to `to`, soonest first, made as they are asked for. A long one
   * is cut: whether it goes on is seen when it ends, so that a busy function is not forecast far beyond its
   * next call at each call.
   */
  *spans(
    memory: SlotMemory,
    policy: WarmPolicy,
    from: number,
    to: number,
    isSoonCut = true,
  ): Generator<WarmSpan, undefined> {
    const { calls } = memory;
    const run = this.#run(memory, policy);
    const ahead = new PathAhead(this.#paths, calls);
    let open: WarmSpan | undefined;
    for (let slot = 1; slot <= to; slot += 1) {
      const slotsMax = isSoonCut && open?.from === 1 ? 1 : spanSlotsMax;
      if (open !== undefined && slot - open.from >= slotsMax) {
        if (open.to >= from) yield open;
        open = undefined;
      }
      ahead.slot = slot;
      if (run.next(ahead)) open = extended(open, slot, ahead.probability(0));
      else if (open !== undefined) {
        if (open.to >= from) yield open;
        open = undefined;
      }
      if (run.isOver) return;
    }
    if (open !== undefined && open.to >= from) yield open;
  }

  /**
   * Where nothing is loaded ahead: for how many slots what a call left waits.
   * @param upTo more are not looked for
   */
  stay(memory: SlotMemory, policy: WarmPolicy, upTo = Number.POSITIVE_INFINITY): number {
    const { calls } = memory;
    // Not worth a look: it will have been called before then.
    if (isSoonCalled(calls, policy.keepAliveSlots / 2)) return policy.keepAliveSlots;
    const run = this.#run(memory, policy);
    const ahead = new PathAhead(this.#paths, calls);
    while (ahead.slot <= upTo && run.next(ahead)) ahead.slot += 1;
    return ahead.slot - 1;
  }

  #run(memory: SlotMemory, policy: WarmPolicy): WarmRun {
    return new WarmRun(this.stance(memory), policy, allowedSlots(memory.account, policy));
  }

  /** The `gap` slots since the newest call have passed; a call came in the last of them. */
  #settle(
    memory: SlotMemory,
    policy: WarmPolicy,
    gap: number,
    learned: CallHistory,
    account: WarmAccount,
  ): void {
    const { calls } = memory;
    const ahead = new PathAhead(this.#paths, calls);
    const isFollowed = this.stance(memory) === "follow";
    const planned = isFollowed ? this.#run(memory, policy) : undefined;
    const free = new WarmRun("follow", policy, Number.POSITIVE_INFINITY);
    const last = Math.min(gap, settledSlotsMax);
    const stay = isFollowed ? 0 : this.stay(memory, policy, last);
    for (let slot = 1; slot <= last; slot += 1) {
      const isHit = slot === gap;
      // Past the keep-alive nothing but time passes in slots that are not due and in which nothing waits.
      if (slot > policy.keepAliveSlots && slot > stay && !free.isOn && planned?.isOn !== true) {
        const quiet = this.#paths.quietFrom(calls, slot, Math.min(last, gap - 1));
        if (quiet > 0) {
          settleQuiet(learned, quiet);
          free.skip(quiet);
          planned?.skip(quiet);
          account.isOn = false;
          slot += quiet - 1;
          continue;
        }
      }
      ahead.slot = slot;
      const isPlanned = planned === undefined ? slot <= stay : planned.next(ahead);
      const isWanted = free.next(ahead);
      if (isHit || this.#paths.isDue(calls, slot)) settle(learned, ahead.probability(0), isHit);
      else settleQuiet(learned, 1);
      this.#paths.learn(calls, slot, isHit);
      settleWarm(account, policy, { isPlanned, isWanted, age: slot, isHit });
    }
  }
}

/** What lies ahead of one of the slots after a function's newest call. */
class PathAhead implements Ahead {
  slot = 1;
  readonly #paths: GapPaths;
  readonly #calls: CallHistory;

  constructor(paths: GapPaths, calls: CallHistory) {
    this.#paths = paths;
    this.#calls = calls;
  }

  probability(slots: number): number {
    return this.#paths.at(this.#calls, this.slot + slots);
  }
}

/** Whether each of the latest gaps was so short. */
function isSoonCalled(calls: CallHistory, slots: number): boolean {
  if (calls.gapCount < soonGaps) return false;
  for (let i = 0; i < soonGaps; i += 1) if (calls.gap(i) > slots) return false;
  return true;
}

function extended(open: WarmSpan | undefined, slot: number, probability: number): WarmSpan {
  if (open === undefined)
    return { from: slot, to: slot, probability, likeliest: slot, peak: probability };
  const isPeak = probability > open.peak;
  return {
    from: open.from,
    to: slot,
    probability: 1 - (1 - open.probability) * (1 - probability),
    likeliest: isPeak ? slot : open.likeliest,
    peak: isPeak ? probability : open.peak,
  };
}
