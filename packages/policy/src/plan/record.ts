/**
 * What a shard keeps of one function: its history, the windows already prepared for, and an account of
 * idle VM time against the fixed keep-alive. Plain data; every change is a function that returns a new one.
 */
import { createHistory, observe, type History, type Tick } from "../periodicity/index.ts";
import type { SlotMemory } from "../model/memory.ts";
import { decide, type Prewarm } from "./decide.ts";
import { mayHaveRounds } from "./expect.ts";
import type { PlanPolicy } from "./policy.ts";

export interface FunctionRecord {
  readonly history: History;
  /** Windows that begin before this instant are pre-warmed already; 0 at first. */
  readonly preparedUntilMs: number;
  readonly account: IdleAccount;
  /** For the learned forecast; absent until it has seen a call. */
  readonly slots?: SlotMemory;
}

/** Idle VM time of one function, modelled from its calls; damped, so that recent behaviour rules. */
export interface IdleAccount {
  /** Spent under the plan. */
  readonly spentMs: number;
  /** What the fixed keep-alive would have spent on the same calls. */
  readonly fixedMs: number;
  /** How long a VM was to be kept after the latest call. */
  readonly keptMs: number;
  /** The latest pre-warm, until a call or the next one settles it. */
  readonly open: OpenPrewarm | null;
}

export interface OpenPrewarm {
  readonly count: number;
  readonly readyByMs: number;
  readonly releaseAtMs: number;
}

/** Remembers about so many calls. */
const accountDamping = 31 / 32;

export function createRecord(policy: PlanPolicy): FunctionRecord {
  return {
    history: createHistory(policy.keepAliveMs / 10),
    preparedUntilMs: 0,
    account: { spentMs: 0, fixedMs: 0, keptMs: 0, open: null },
  };
}

/** `weight` calls arrived. Feed each arrival once, in the order of arrival. */
export function noteArrival(
  record: FunctionRecord,
  policy: PlanPolicy,
  arrivalAtMs: number,
  weight = 1,
): FunctionRecord {
  const before = record.history.ticks.at(-1);
  const history = observe(record.history, arrivalAtMs, weight);
  if (history.ticksSeen === record.history.ticksSeen)
    return withAccount(record, history, record.account);
  const settled =
    before === undefined ? record.account : settle(record, policy, before, arrivalAtMs);
  const { spentMs, fixedMs, open } = settled;
  const next = withAccount(record, history, settled);
  const keptMs =
    history.pattern === null && !mayHaveRounds(next)
      ? policy.keepAliveMs
      : decide(next, policy, { idleVmCount: 0 }, arrivalAtMs).keepUntilMs - arrivalAtMs;
  return withAccount(record, history, { spentMs, fixedMs, keptMs, open });
}

/** Field by field: to spread an object costs more than to make one, and this is done for each call. */
function withAccount(
  { preparedUntilMs, slots }: FunctionRecord,
  history: History,
  account: IdleAccount,
): FunctionRecord {
  return slots === undefined
    ? { history, preparedUntilMs, account }
    : { history, preparedUntilMs, account, slots };
}

/** The pre-warm was ordered: its window is never pre-warmed again. */
export function notePrewarmed(record: FunctionRecord, prewarm: Prewarm): FunctionRecord {
  const { account } = record;
  const { count, readyByMs, releaseAtMs } = prewarm;
  if (prewarm.isBySlots === true) return { ...record, preparedUntilMs: prewarm.windowEndAtMs };
  return {
    ...record,
    preparedUntilMs: prewarm.windowEndAtMs,
    account: {
      ...account,
      spentMs: account.spentMs + idleOf(account.open, Number.POSITIVE_INFINITY),
      open: { count, readyByMs, releaseAtMs },
    },
  };
}

function settle(
  { account }: FunctionRecord,
  policy: PlanPolicy,
  last: Tick,
  nowMs: number,
): IdleAccount {
  const gapMs = nowMs - last.atMs;
  // Calls at once needed a VM each, under either policy.
  const keptMs = last.count * Math.min(gapMs, account.keptMs);
  const fixedMs = last.count * Math.min(gapMs, policy.keepAliveMs);
  const spentMs = account.spentMs + keptMs + idleOf(account.open, nowMs);
  return {
    spentMs: spentMs * accountDamping,
    fixedMs: (account.fixedMs + fixedMs) * accountDamping,
    keptMs: 0,
    open: null,
  };
}

function idleOf(open: OpenPrewarm | null, untilMs: number): number {
  if (open === null) return 0;
  return open.count * Math.max(0, Math.min(untilMs, open.releaseAtMs) - open.readyByMs);
}
