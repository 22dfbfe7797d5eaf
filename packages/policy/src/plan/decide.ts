/**
 * The plan for one function at an instant. Event-driven: decide after each arrival and again at
 * `nextWakeAtMs`; between the two nothing changes, so a shard touches a function only when it is due.
 *
 *   call ── margin ──▶ release … order ── prepare ──▶ ready ── margin ──▶ [ window ] ── grace ──▶ release
 *
 * A function without a forecast has the fixed keep-alive and nothing else.
 */
import type { Forecast } from "../periodicity/index.ts";
import { activeUntilMs } from "./activity.ts";
import { exactForecast } from "./expect.ts";
import { leadMs, marginMs, type PlanPolicy } from "./policy.ts";
import type { FunctionRecord } from "./record.ts";

/** What is observed of the function's VMs; a decision never guesses it. */
export interface PlanFacts {
  /** VMs that hold the function's code and run nothing now. */
  readonly idleVmCount: number;
}

export interface Prewarm {
  /** Order it when this has passed. */
  readonly startAtMs: number;
  readonly readyByMs: number;
  /** VMs that should be idle at `readyByMs`. Idle ones are among them: keep those until `releaseAtMs`. */
  readonly count: number;
  /** How many of them are missing now. */
  readonly orderCount: number;
  readonly windowStartAtMs: number;
  readonly windowEndAtMs: number;
  /** Release what is still unused then: the end of the window, and grace. */
  readonly releaseAtMs: number;
  /** Asked for by the learned forecast, which keeps an account of its own. */
  readonly isBySlots?: true;
}

export interface Decision {
  /** 0 for an aperiodic function. */
  readonly degree: number;
  readonly forecast: Forecast | undefined;
  /** The window that is forecast costs more than it is worth: no VM will wait in it. */
  readonly isUnprepared?: true;
  /** Until when a VM that became idle now is kept. */
  readonly keepUntilMs: number;
  /** The next pre-warm that is not yet ordered; due when `startAtMs <= nowMs`. */
  readonly prewarm: Prewarm | undefined;
  /** Further calls before then change nothing of this: what each leaves is kept as what is idle now. */
  readonly holdsUntilMs?: number;
  /** Decide again then; undefined when only an arrival can change the plan. */
  readonly nextWakeAtMs: number | undefined;
}

/** Whether further calls at this instant would change nothing of the decision. */
export function holdsAt({ holdsUntilMs = 0 }: Decision, nowMs: number): boolean {
  return holdsUntilMs > nowMs;
}

/** Whether what becomes idle at the instant of the decision has the keep-alive, neither more nor less. */
export function isKeptAsUsual(
  { keepUntilMs }: Decision,
  { keepAliveMs }: PlanPolicy,
  decidedAtMs: number,
): boolean {
  return keepUntilMs === decidedAtMs + keepAliveMs;
}

/** Below this share of covered calls the function is also kept for its unexpected calls. */
const coverageForRelease = 0.9;
/** A wait shorter than so many windows is not worth a release. */
const looseWindows = 1.5;
/** From this share on a VM waits in the open window for the calls that follow the first. */
const followShareForKeep = 0.2;
/** A load ahead takes a host as much work as a cold start: worth so much idle time, as share of the keep-alive. */
const reloadShare = 0.1;
/** Below this degree a window gets the usual count of VMs, above it the upper one. */
const degreeForUpper = 0.6;
/**
 * A VM is to have been ready for no longer when the last call of its window comes: so that more of them do, up to this
 * share of the margin before the first is given, where the calls lie no further apart than that can matter for.
 */
const readyMaxMs = 10_000;
const spreadMaxMs = 30_000;
const marginGiven = 0.5;
/** Windows are cut to these shares of the keep-alive: the wide one while the account allows it. */
const windowShares = { wide: 1.5, narrow: 0.9 } as const;

export function decide(
  record: FunctionRecord,
  policy: PlanPolicy,
  facts: PlanFacts,
  nowMs: number,
): Decision {
  const keepAliveUntilMs = nowMs + policy.keepAliveMs;
  const expected = exactForecast(record, nowMs, policy);
  if (expected === undefined) {
    // Its demand on the generic pool ends then; nothing else can happen without a call.
    const inactiveAtMs = activeUntilMs(record, policy);
    return {
      degree: 0,
      forecast: undefined,
      keepUntilMs: keepAliveUntilMs,
      prewarm: undefined,
      nextWakeAtMs: inactiveAtMs > nowMs ? inactiveAtMs : undefined,
    };
  }
  // Field by field, here as wherever a call leads: to spread an object costs more than to make one.
  const { degree } = expected;
  // Once the window has passed, the miss counts and the next window is planned.
  const afterWindowMs = expected.window.endAtMs + 1;
  const budgetMs = idleBudgetMs(record, policy);
  const wide = prewarmFor(expected, windowShares.wide, budgetMs, policy, facts, nowMs);
  const next =
    wide.count > 0
      ? wide
      : prewarmFor(expected, windowShares.narrow, budgetMs, policy, facts, nowMs);
  const isPrepared = next.windowStartAtMs < record.preparedUntilMs;
  // Waiting again would cost more than the fixed keep-alive: have that instead.
  if (!isPrepared && next.count === 0)
    return {
      degree,
      forecast: expected,
      isUnprepared: true,
      keepUntilMs: keepAliveUntilMs,
      prewarm: undefined,
      nextWakeAtMs: afterWindowMs,
    };
  const isTooLate = nowMs + policy.prepareP95Ms > next.windowEndAtMs;
  const prewarm = isPrepared || isTooLate ? undefined : next;
  return {
    degree,
    forecast: expected,
    keepUntilMs: keepUntil(expected, next, policy, nowMs),
    prewarm,
    nextWakeAtMs:
      prewarm === undefined || prewarm.startAtMs <= nowMs ? afterWindowMs : prewarm.startAtMs,
  };
}

function prewarmFor(
  { window, expectedAtMs, count, degree }: Forecast,
  windowShare: number,
  budgetMs: number,
  policy: PlanPolicy,
  facts: PlanFacts,
  nowMs: number,
): Prewarm {
  const margin = marginMs(policy);
  const halfMaxMs = (policy.keepAliveMs * windowShare) / 2;
  const windowStartAtMs = Math.max(window.startAtMs, expectedAtMs - halfMaxMs);
  const windowEndAtMs = Math.min(window.endAtMs, expectedAtMs + halfMaxMs);
  const releaseAtMs = windowEndAtMs + margin;
  const laterMs = readyLaterMs(2 * (expectedAtMs - windowStartAtMs), margin);
  const readyByMs = windowStartAtMs - margin + laterMs;
  const wanted = degree < degreeForUpper ? count.median : count.upper;
  const affordable = Math.max(0, Math.floor(budgetMs / (releaseAtMs - readyByMs)));
  // With the degree as the chance that a call comes: what its VM idles until then, else to the end.
  const idleMs = degree * (expectedAtMs - readyByMs) + (1 - degree) * (releaseAtMs - readyByMs);
  const isWorthIt = idleMs <= degree * policy.coldStartCostVmMs;
  const vms = isWorthIt ? Math.min(Math.ceil(wanted), policy.prewarmVmsMax, affordable) : 0;
  return {
    startAtMs: Math.max(nowMs, windowStartAtMs - leadMs(policy) + laterMs),
    readyByMs,
    count: vms,
    orderCount: Math.max(0, vms - facts.idleVmCount),
    windowStartAtMs,
    windowEndAtMs,
    releaseAtMs,
  };
}

/** How much later than a margin before a window, over so much of which calls come, its VM is to be ready. */
function readyLaterMs(spreadMs: number, marginMs: number): number {
  if (spreadMs > spreadMaxMs) return 0;
  return Math.max(0, Math.min(marginGiven * marginMs, spreadMs + marginMs - readyMaxMs));
}

function keepUntil(expected: Forecast, next: Prewarm, policy: PlanPolicy, nowMs: number): number {
  const keepAliveUntilMs = nowMs + policy.keepAliveMs;
  const areAllCovered = expected.coverage >= coverageForRelease;
  // Releasing now and preparing again would save less than it costs.
  const reloadMs = reloadShare * policy.keepAliveMs;
  const isSoon = next.windowStartAtMs - nowMs <= 2 * leadMs(policy) + reloadMs;
  if (isSoon)
    return areAllCovered ? next.releaseAtMs : Math.max(keepAliveUntilMs, next.releaseAtMs);
  // So loose a window that little time is left to save before it.
  const isLoose =
    next.windowStartAtMs - nowMs <= looseWindows * (next.windowEndAtMs - next.windowStartAtMs);
  if (isLoose || !areAllCovered) return keepAliveUntilMs;
  // More calls of the same tick may follow while its window is open.
  const lingerUntilMs = nowMs + marginMs(policy);
  return expected.followShare >= followShareForKeep
    ? Math.max(lingerUntilMs, expected.followUntilMs)
    : lingerUntilMs;
}

/** Idle VM time that may be risked on the next window if nobody comes to it. */
function idleBudgetMs({ account, history }: FunctionRecord, policy: PlanPolicy): number {
  const { spentMs, fixedMs, keptMs, open } = account;
  const vms = history.ticks.at(-1)?.count ?? 1;
  const openMs = open === null ? 0 : open.count * (open.releaseAtMs - open.readyByMs);
  const allowedMs = (fixedMs + vms * policy.keepAliveMs) * policy.idleFactorMax;
  return Math.min(policy.prewarmIdleMaxVmMs, allowedMs - spentMs - vms * keptMs - openMs);
}
