/**
 * Two forecasts in one plan. Where calls follow a fixed period, the exact forecast has windows to the
 * second; where it has none, the learned one says slot by slot what a VM that waits is worth. A function
 * without a pattern to either has the fixed keep-alive and nothing else.
 */
import type { FleetLearning } from "../model/fleet-learning.ts";
import { createMemory, slotAt, type SlotMemory } from "../model/memory.ts";
import type { NetworkWeights } from "../model/network.ts";
import { isSlotClock, withinSlot } from "../model/phase.ts";
import { SlotPlanner, type WarmSpan } from "../model/slot-plan.ts";
import type { WarmPolicy } from "../model/warm.ts";
import { forgetPattern, type Forecast } from "../periodicity/index.ts";
import type { FunctionDemand } from "../warming/index.ts";
import { decide, type Decision, type PlanFacts, type Prewarm } from "./decide.ts";
import { usualCount } from "./activity.ts";
import { functionDemand } from "./demand.ts";
import { describe, nextWindow, type Description, type ExpectedWindow } from "./describe.ts";
import { exactForecast, isOnTime, isSharp } from "./expect.ts";
import { leadMs, marginMs, type PlanPolicy } from "./policy.ts";
import { noteArrival, type FunctionRecord } from "./record.ts";

/** Slots of a keep-alive: the weights were learned at one minute for the usual ten. */
const keepAliveSlots = 10;
/** Whole slots blur a period that is shorter. */
const widePeriodSlots = 10;
/** A cold start is worth something: a call that is sure is waited for. */
const priceMax = 0.9;
/** Slots that are looked ahead for the next window. */
const lookAheadSlots = 15;
/** When no call has come for so many times its longest recent gap, what was learned of a function has ended. */
const endedGaps = 3;
const endedGapsSeen = 32;
/** So long after its newest call a function is no longer looked after. */
const forgottenSlots = 20_160;
/** A steady function keeps its VMs: it is looked at again after so many slots. */
const steadyHoldSlots = 5;

/** Slots with calls that are all learned from, and of how many later ones one is, where a fixed period foresaw them. */
const settledAlways = 32;
const settledRarely = 8;

/** What a waiting VM does next, by the learned forecast. */
interface SlotOutlook {
  readonly degree: number;
  readonly memory: SlotMemory;
  /** Slots since the newest with calls. */
  readonly ahead: number;
  /** Soonest first, made as they are asked for. */
  readonly spans: Iterable<WarmSpan>;
}

export class LearnedPlan {
  readonly #planner: SlotPlanner;

  constructor(weights: NetworkWeights, fleet?: FleetLearning) {
    this.#planner = new SlotPlanner(weights, fleet);
  }

  noteArrival(
    record: FunctionRecord,
    policy: PlanPolicy,
    atMs: number,
    weight = 1,
  ): FunctionRecord {
    const slotMs = slotMsOf(policy);
    const known = record.slots?.slotMs === slotMs ? record.slots : createMemory(slotMs);
    const isSettled = !isOnTime(record, atMs) || isSeldomSettled(known);
    const slots = isSettled
      ? this.#planner.noteCalls(known, warmPolicyOf(policy), atMs, weight)
      : this.#planner.passCalls(known, atMs, weight);
    const { history, preparedUntilMs, account } = record;
    // With the slots known first, what is exactly expected is the same to all that ask for it at this call.
    const next = noteArrival({ history, preparedUntilMs, account, slots }, policy, atMs, weight);
    const isSameSlot = slots.calls.lastSlot === known.calls.lastSlot;
    // The slots ahead are seen anew from this call: what was ordered for them before it may not be enough.
    const isReplanned =
      !isSameSlot && preparedUntilMs > atMs && !isExact(exactForecast(next, atMs, policy), slots);
    return isReplanned ? { ...next, preparedUntilMs: atMs } : next;
  }

  decide(record: FunctionRecord, policy: PlanPolicy, facts: PlanFacts, nowMs: number): Decision {
    const outlook = this.#outlook(record, policy, nowMs, "cut");
    if (outlook === undefined) return this.#stayed(record, policy, facts, nowMs);
    const { degree, memory, ahead, spans } = outlook;
    let next: WarmSpan | undefined;
    let keepUntilMs = lingerUntilMs(outlook, policy, nowMs);
    for (const span of spans) {
      const isNow = span.from <= Math.max(1, ahead);
      if (isNow) {
        keepUntilMs = releaseAfter(memory, span, policy);
        // What follows is planned when this one is about to end.
        const afterMs = keepUntilMs - leadMs(policy);
        const isLater =
          span.from === 1 || windowOf(memory, span).startAtMs < record.preparedUntilMs;
        if (isLater && afterMs > nowMs)
          return {
            degree,
            forecast: undefined,
            keepUntilMs,
            holdsUntilMs: ahead === 0 ? slotStartMs(memory, 1) : 0,
            prewarm: undefined,
            nextWakeAtMs: afterMs,
          };
      }
      if (span.from === 1 || windowOf(memory, span).startAtMs < record.preparedUntilMs) continue;
      next = span;
      break;
    }
    const common = { degree, forecast: undefined, keepUntilMs };
    if (next === undefined) {
      const nextWakeAtMs =
        ahead > forgottenSlots ? undefined : slotStartMs(memory, ahead + lookAheadSlots - 1);
      return { ...common, prewarm: undefined, nextWakeAtMs };
    }
    const prewarm = prewarmFor(record, memory, next, policy, facts, nowMs);
    const { startAtMs, windowEndAtMs } = prewarm;
    const isTooLate = nowMs + policy.prepareP95Ms > windowEndAtMs && prewarm.orderCount > 0;
    // What follows the window is planned while a VM still waits in it.
    const afterMs = Math.max(nowMs + 1, windowEndAtMs - leadMs(policy));
    return {
      ...common,
      prewarm: isTooLate ? undefined : prewarm,
      nextWakeAtMs: isTooLate || startAtMs <= nowMs ? afterMs : startAtMs,
    };
  }

  /** The plan where nothing is loaded ahead: what a call left stays the keep-alive, or as long as is worth it. */
  #stayed(record: FunctionRecord, policy: PlanPolicy, facts: PlanFacts, nowMs: number): Decision {
    const { slots: memory } = record;
    const isDoubtful =
      memory !== undefined &&
      isSlotClock(memory.phase) &&
      !isWide(exactForecast(record, nowMs, policy), memory.slotMs);
    const known = isDoubtful ? { ...record, history: forgetPattern(record.history) } : record;
    const decision = decide(known, policy, facts, nowMs);
    if (memory === undefined) return decision;
    if (decision.degree > 0) return keptAnyway(decision, memory, policy, nowMs) ?? decision;
    const warm = warmPolicyOf(policy);
    const stay = this.#planner.stay(memory, warm);
    if (stay === warm.keepAliveSlots) {
      // Each call is kept as ever: whether a pattern shows is seen from slot to slot, or seldomer if it is steady.
      const held = slotStartMs(memory, isSteady(memory, nowMs) ? steadyHoldSlots : 1);
      if (held <= nowMs) return decision;
      const { nextWakeAtMs } = decision;
      const wakeAtMs = nextWakeAtMs === undefined ? undefined : Math.max(held, nextWakeAtMs);
      return { ...decision, holdsUntilMs: held, nextWakeAtMs: wakeAtMs };
    }
    const lingerMs = Math.max(nowMs + marginMs(policy), slotStartMs(memory, 1) - 1);
    return { ...decision, keepUntilMs: stay === 0 ? lingerMs : nowMs + stay * memory.slotMs };
  }

  functionDemand(
    record: FunctionRecord,
    policy: PlanPolicy,
    nowMs: number,
    decided?: Decision,
  ): FunctionDemand {
    const outlook = this.#outlook(record, policy, nowMs, "none");
    const asked = functionDemand(record, policy, nowMs, decided);
    if (outlook === undefined || asked.degree > 0) return asked;
    // A forecast by slots says less of how many calls come in its windows than that some do.
    return { count: usualCount(record, policy), degree: outlook.degree, coverage: outlook.degree };
  }

  describe(
    record: FunctionRecord,
    policy: PlanPolicy,
    nowMs: number,
    windowsMax: number,
  ): Description {
    const exact = describe(record, policy, nowMs, windowsMax);
    const outlook = this.#outlook(record, policy, nowMs, "whole");
    if (outlook === undefined || exact.degree > 0) return exact;
    const { degree, memory } = outlook;
    const windows = expectedWindows(record, policy, outlook, windowsMax);
    const { calls, slotMs } = memory;
    const explained = `${Math.round(degree * 100)} % of the surprise in its calls is explained by when calls came before, in slots of ${slotMs / 1_000} s`;
    const likely = windows.map(
      (window) => `${Math.round(window.degree * 100)} % likely to be called in the next window`,
    );
    const evidence = [
      ...exact.evidence.slice(0, 1),
      "no fixed period found",
      explained,
      ...(calls.period === 0 ? [] : [`often again after ${(calls.period * slotMs) / 1_000} s`]),
      ...likely.slice(0, 1),
    ];
    return { ...exact, degree, periodMs: calls.period * slotMs, windows, evidence };
  }

  nextWindow(
    record: FunctionRecord,
    policy: PlanPolicy,
    nowMs: number,
  ): ExpectedWindow | undefined {
    const outlook = this.#outlook(record, policy, nowMs, "whole");
    const exact = nextWindow(record, policy, nowMs);
    if (outlook === undefined || exact !== undefined) return exact;
    return expectedWindows(record, policy, outlook, 1)[0];
  }

  /** Undefined where the exact forecast, or the fixed keep-alive, decides. */
  #outlook(
    record: FunctionRecord,
    policy: PlanPolicy,
    nowMs: number,
    looked: "cut" | "whole" | "none",
  ): SlotOutlook | undefined {
    const memory = record.slots;
    if (memory === undefined) return undefined;
    const warm = warmPolicyOf(policy);
    if (this.#planner.stance(memory) !== "follow") return undefined;
    const learned = this.#planner.degree(memory);
    const exact = exactForecast(record, nowMs, policy);
    if (isExact(exact, memory)) return undefined;
    const degree = Math.max(learned, exact?.degree ?? 0);
    const ahead = Math.max(0, slotAt(memory, nowMs) - memory.calls.lastSlot);
    if (ahead > endedGaps * longestGap(memory)) return undefined;
    const to = ahead + lookAheadSlots;
    const spans =
      looked === "none" ? [] : this.#planner.spans(memory, warm, ahead, to, looked === "cut");
    return { degree, memory, ahead, spans };
  }
}

function expectedWindows(
  record: FunctionRecord,
  policy: PlanPolicy,
  { memory, spans }: SlotOutlook,
  windowsMax: number,
): ExpectedWindow[] {
  const windows: ExpectedWindow[] = [];
  for (const span of spans) {
    if (span.from === 1) continue;
    const { startAtMs, endAtMs } = windowOf(memory, span);
    const expectedAtMs = slotStartMs(memory, span.likeliest) + memory.slotMs / 2;
    const count = usualCount(record, policy);
    windows.push({ startAtMs, endAtMs, expectedAtMs, count, degree: span.probability });
    if (windows.length === windowsMax) break;
  }
  return windows;
}

/** While a fixed period decides, what the forecast by slots would have said is looked at now and then. */
function isSeldomSettled({ calls }: SlotMemory): boolean {
  return calls.total < settledAlways || calls.total % settledRarely === 0;
}

/** Of the newest gaps, in slots. */
function longestGap({ calls }: SlotMemory): number {
  let longest = 0;
  const count = Math.min(endedGapsSeen, calls.gapCount);
  for (let i = 0; i < count; i += 1) longest = Math.max(longest, calls.gap(i));
  return longest;
}

/**
 * Whether a fixed period leaves the learned forecast nothing to add. Its windows are as sharp as the instants
 * that it was found in: where those are in whole slots, rounding moves calls across a window's edge.
 */
function isExact(exact: Forecast | undefined, { phase, slotMs }: SlotMemory): boolean {
  return isSharp(exact, slotMs) && !isSlotClock(phase);
}

/** Whether a fixed period is sure, and so long that it matters little where in a slot a call came. */
function isWide(exact: Forecast | undefined, slotMs: number): boolean {
  return isSharp(exact, slotMs) && exact.periodMs >= widePeriodSlots * slotMs;
}

/** Called in each of the latest slots, the one before `nowMs` or that of `nowMs` among them. */
function isSteady(memory: SlotMemory, nowMs: number): boolean {
  const { calls } = memory;
  return slotAt(memory, nowMs) - calls.lastSlot <= 1 && calls.isSteady;
}

/**
 * A period so short that VMs never go between two calls, and those that it needs wait: they have the keep-alive,
 * and nothing is to be planned for each call. Undefined where that is not so.
 */
function keptAnyway(
  { degree, forecast, prewarm }: Decision,
  memory: SlotMemory,
  policy: PlanPolicy,
  nowMs: number,
): Decision | undefined {
  if (prewarm === undefined || prewarm.startAtMs > nowMs || prewarm.orderCount > 0)
    return undefined;
  if (!isSteady(memory, nowMs)) return undefined;
  return {
    degree,
    forecast,
    keepUntilMs: nowMs + policy.keepAliveMs,
    prewarm: undefined,
    holdsUntilMs: slotStartMs(memory, steadyHoldSlots),
    // No call has come then for a slot: the pattern is looked at anew.
    nextWakeAtMs: slotStartMs(memory, steadyHoldSlots + 1),
  };
}

function slotMsOf(policy: PlanPolicy): number {
  return policy.slotMs ?? policy.keepAliveMs / keepAliveSlots;
}

function warmPolicyOf(policy: PlanPolicy): WarmPolicy {
  const slotMs = slotMsOf(policy);
  return {
    price: Math.min(priceMax, slotMs / policy.coldStartCostVmMs),
    stayShare: 0.5,
    bridgeSlots: 2,
    keepAliveSlots: Math.max(1, Math.round(policy.keepAliveMs / slotMs)),
    wasteFactorMax: policy.idleFactorMax,
  };
}

function slotStartMs({ calls, slotMs }: SlotMemory, ahead: number): number {
  return (calls.lastSlot + ahead) * slotMs;
}

/** Within its slots, where calls come; a single slot is cut to that. */
function windowOf(
  memory: SlotMemory,
  { from, to }: WarmSpan,
): { readonly startAtMs: number; readonly endAtMs: number } {
  const { fromMs, toMs } = withinSlot(memory.phase, memory.slotMs);
  return {
    startAtMs: slotStartMs(memory, from) + fromMs,
    endAtMs: slotStartMs(memory, to) + toMs,
  };
}

/** The next slot has a probability of its own: a VM does not stay into it by a margin. */
function releaseAfter(memory: SlotMemory, span: WarmSpan, policy: PlanPolicy): number {
  const { endAtMs } = windowOf(memory, span);
  return Math.min(endAtMs + marginMs(policy), slotStartMs(memory, span.to + 1) - 1);
}

/** Where no span holds a VM now: more calls of the same slot may follow. */
function lingerUntilMs({ memory, ahead }: SlotOutlook, policy: PlanPolicy, nowMs: number): number {
  return ahead === 0 ? Math.max(nowMs, slotStartMs(memory, 1) - 1) : nowMs + marginMs(policy);
}

function prewarmFor(
  record: FunctionRecord,
  memory: SlotMemory,
  span: WarmSpan,
  policy: PlanPolicy,
  facts: PlanFacts,
  nowMs: number,
): Prewarm {
  const { startAtMs, endAtMs } = windowOf(memory, span);
  const releaseAtMs = releaseAfter(memory, span, policy);
  const readyByMs = startAtMs - marginMs(policy);
  const affordable = Math.floor(policy.prewarmIdleMaxVmMs / (releaseAtMs - readyByMs));
  const count = Math.min(usualCount(record, policy), Math.max(1, affordable));
  return {
    startAtMs: Math.max(nowMs, startAtMs - leadMs(policy)),
    readyByMs,
    count,
    orderCount: Math.max(0, count - facts.idleVmCount),
    windowStartAtMs: startAtMs,
    windowEndAtMs: Math.min(endAtMs, releaseAtMs),
    releaseAtMs,
    isBySlots: true,
  };
}
