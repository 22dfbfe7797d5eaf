/**
 * When an instance of a function is to wait, slot by slot, as far as can be seen from its newest call: the
 * spans in which the probability of a call is worth its price. They follow from the record alone, so that
 * every moment between two calls sees the same plan.
 */
import { GapPaths } from "./gap-paths.ts";
import { rememberCalls, slotAt, type SlotMemory } from "./memory.ts";
import type { NetworkWeights } from "./network.ts";
import { degreeOf, settle, settleQuiet } from "./skill.ts";
import { settleWarm, wantsWarm, type WarmPolicy } from "./warm.ts";

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
const slotsKnownMin = 6;
/** Calls without memory reach a degree above this in fewer than one case of a hundred. */
export const degreeMin = 0.2;
/** A call later than so many slots after the one before teaches nothing of those between. */
const settledSlotsMax = 20_160;
/** Slots after which a span is cut. */
const spanSlotsMax = 4;
/** Of the slots that are waited in any case. */
const staySharesTried = [1.5, 2, 3, 4.5, 6];

export class SlotPlanner {
  readonly #paths: GapPaths;

  constructor(weights: NetworkWeights) {
    this.#paths = new GapPaths(weights);
  }

  /** `count` calls arrived; the slots since the call before are learned from. */
  noteCalls(memory: SlotMemory, policy: WarmPolicy, atMs: number, count: number): SlotMemory {
    const { calls } = memory;
    const gap = slotAt(memory, atMs) - calls.lastSlot;
    if (calls.total === 0 || gap <= 0) return rememberCalls(memory, atMs, count);
    return rememberCalls(this.#settled(memory, policy, gap), atMs, count);
  }

  /** How far the function's calls can be told; 0 for those without a pattern. */
  degree({ calls }: SlotMemory): number {
    if (calls.total < slotsKnownMin) return 0;
    const degree = degreeOf(calls);
    return degree < degreeMin ? 0 : degree;
  }

  /** Whether the forecast is to be followed at all: too little is known, or it has spent more than it may. */
  isTrusted({ calls, account }: SlotMemory, policy: WarmPolicy): boolean {
    if (calls.total < slotsKnownMin) return false;
    return account.forecastWaste <= account.keepAliveWaste * policy.wasteFactorMax;
  }

  /**
   * The spans that end at `from` or later, up to `to`, soonest first, made as they are asked for. A long one
   * is cut: whether it goes on is seen when it ends, so that a busy function is not forecast far beyond its
   * next call at each call.
   */
  *spans(
    { calls }: SlotMemory,
    policy: WarmPolicy,
    from: number,
    to: number,
  ): Generator<WarmSpan, undefined> {
    const path = (ahead: number): number => this.#paths.at(calls, ahead);
    let isOn = true;
    let open: WarmSpan | undefined;
    for (let slot = 1; slot <= to; slot += 1) {
      isOn = wantsWarm({ isOn }, policy, (more) => path(slot + more));
      const isCut = open !== undefined && slot - open.from >= spanSlotsMax;
      if (open !== undefined && (!isOn || isCut)) {
        if (open.to >= from) yield open;
        open = undefined;
      }
      if (isOn) open = extended(open, slot, path(slot));
    }
    if (open !== undefined && open.to >= from) yield open;
  }

  /**
   * For a function without a pattern: how many slots it is worth waiting after a call, at least the
   * keep-alive's and on the whole at most a tenth more than it waits. Its rate alone speaks, which changes slowly: a few slots are looked at.
   */
  stay({ calls, account }: SlotMemory, policy: WarmPolicy): number {
    const least = policy.keepAliveSlots;
    if (calls.total < slotsKnownMin) return least;
    const threshold = policy.price * policy.stayShare;
    const affordable =
      (account.keepAliveWaste + least) * policy.wasteFactorMax - account.forecastWaste;
    let slots = least;
    for (const share of staySharesTried) {
      const next = Math.min(Math.round(least * share), Math.floor(affordable));
      if (next <= slots || this.#paths.at(calls, slots + 1) <= threshold) break;
      slots = next;
    }
    return slots;
  }

  /** The `gap` slots since the newest call have passed; a call came in the last of them. */
  #settled(memory: SlotMemory, policy: WarmPolicy, gap: number): SlotMemory {
    const { calls } = memory;
    const learned = calls.clone();
    const account = { ...memory.account, isOn: true };
    const isFollowed = this.degree(memory) > 0 && this.isTrusted(memory, policy);
    const stay = isFollowed ? undefined : this.stay(memory, policy);
    const first = Math.min(gap, settledSlotsMax);
    for (let slot = 1; slot <= first; slot += 1) {
      const isHit = slot === gap;
      const wanted =
        stay === undefined
          ? wantsWarm(account, policy, (more) => this.#paths.at(calls, slot + more))
          : slot <= stay;
      if (isHit || this.#paths.isDue(calls, slot)) {
        settle(learned, this.#paths.at(calls, slot), isHit);
      } else settleQuiet(learned, 1);
      settleWarm(account, policy, { wanted, age: slot, isHit });
    }
    return { ...memory, calls: learned, account };
  }
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
