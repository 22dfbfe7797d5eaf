/**
 * Takes one call into a history: bounded work and memory, and the same result whenever the same calls are
 * replayed. A pattern is followed while it holds; whenever it does not explain a call, another is looked for.
 */
import { detect } from "./detect.ts";
import {
  burstSpanMs,
  hitShareMin,
  missesMaxDefault,
  ticksMax,
  type History,
  type Pattern,
  type Tick,
} from "./history.ts";
import { changed, learn, missed, nextDue, track, type TickKind } from "./track.ts";

/** A pattern gives way to one that is worth so much more, as share of windows times share of calls. */
const worthMargin = 0.1;
/** Below this a better explanation of the recent calls is looked for. */
const hitShareGood = 0.75;

/** A pattern, or a better one, is looked for at so many first ticks, then at one in so many. */
const lookedAtAlways = 16;
const lookedAtRarely = 2;
/** Where ticks come within this share of the grain, a VM waits in any case. */
const busyGapShare = 0.25;
const lookedAtBusy = 8;

/** `weight` calls arrived at `arrivalAtMs`. A call older than the newest counts as if it came with it. */
export function observe(history: History, arrivalAtMs: number, weight = 1): History {
  const next = addCalls(history, arrivalAtMs, weight);
  const tick = next.ticks.at(-1);
  if (tick === undefined) return next;
  const isSameTick = next.ticksSeen === history.ticksSeen;
  const pattern = isSameTick
    ? joined(history.pattern, tick)
    : explain(next, history.pattern, tick.atMs, weight);
  return pattern === next.pattern ? next : withPattern(next, pattern);
}

/** The same without looking for a pattern; one that was known is given up. */
export function remember(history: History, arrivalAtMs: number, weight = 1): History {
  return forgetPattern(addCalls(history, arrivalAtMs, weight));
}

export function forgetPattern(history: History): History {
  return history.pattern === null ? history : withPattern(history, null);
}

function withPattern(
  { grainMs, ticks, ticksSeen, callsSeen }: History,
  pattern: Pattern | null,
): History {
  return { grainMs, ticks, ticksSeen, callsSeen, pattern };
}

function addCalls(history: History, arrivalAtMs: number, weight: number): History {
  const newest = history.ticks.at(-1);
  // Whole milliseconds, so that what is written and read again is the same.
  const wholeMs = Math.round(arrivalAtMs);
  const atMs = Math.max(wholeMs, newest?.atMs ?? wholeMs);
  const callsSeen = history.callsSeen + weight;
  const { grainMs, ticksSeen, pattern } = history;
  if (newest !== undefined && atMs - newest.atMs <= burstSpanMs) {
    const tick = { atMs: newest.atMs, count: newest.count + weight };
    return { grainMs, ticks: history.ticks.with(-1, tick), ticksSeen, callsSeen, pattern };
  }
  const ticks = appended(history.ticks, { atMs, count: weight });
  return { grainMs, ticks, ticksSeen: ticksSeen + 1, callsSeen, pattern };
}

/** A further call at once raises the count of the hit that its tick belongs to. */
function joined(pattern: Pattern | null, tick: Tick): Pattern | null {
  const latest = pattern?.recent.at(-1);
  if (pattern === null || latest === undefined) return pattern;
  const isHit = tick.atMs <= latest.atMs + pattern.toleranceMs;
  if (!isHit || tick.count <= latest.count) return pattern;
  const { index, atMs } = latest;
  return changed(pattern, { recent: pattern.recent.with(-1, { index, atMs, count: tick.count }) });
}

function explain(
  history: History,
  before: Pattern | null,
  atMs: number,
  weight: number,
): Pattern | null {
  if (before === null || isOver(before, atMs)) return isLookedAt(history) ? relearn(history) : null;
  const tick = { atMs, count: weight };
  const { pattern, kind } = track(before, tick, history.ticks.at(-2), history.grainMs);
  const share = pattern.hitWeight / pattern.windowWeight;
  if (kind === "same" || (kind === "hit" && share >= hitShareGood)) return pattern;
  const other = isLookedAt(history) ? relearn(history) : null;
  if (other !== null && explainsMore(other, pattern, atMs, kind)) return other;
  return share < hitShareMin ? null : pattern;
}

/**
 * Whether a pattern is looked for at this tick. It costs most of what a call costs, so functions that have been
 * called much without one are looked at now and then only, and the busier the more rarely.
 */
function isLookedAt({ ticks, ticksSeen, grainMs }: History): boolean {
  if (ticksSeen <= lookedAtAlways) return true;
  const gapMs = (ticks.at(-1)?.atMs ?? 0) - (ticks.at(-2)?.atMs ?? 0);
  return ticksSeen % (gapMs < grainMs * busyGapShare ? lookedAtBusy : lookedAtRarely) === 0;
}

function relearn(history: History): Pattern | null {
  const found = detect(history);
  return found === undefined ? null : learn(found, history.grainMs);
}

/** Nobody came to so many windows before this call that the pattern has ended. */
function isOver(pattern: Pattern, atMs: number): boolean {
  return windowsPassed(pattern, atMs) >= missesMaxDefault;
}

function windowsPassed(pattern: Pattern, atMs: number): number {
  const sinceMs = atMs - nextDue(pattern, 0) - pattern.toleranceMs;
  return Math.max(0, Math.floor(sinceMs / pattern.periodMs));
}

/** Whether another pattern holds for clearly more of its windows and of the calls. */
function explainsMore(other: Pattern, pattern: Pattern, atMs: number, kind: TickKind): boolean {
  const isSamePeriod = Math.abs(other.periodMs - pattern.periodMs) < 0.1 * pattern.periodMs;
  if (isSamePeriod && kind !== "stray") return false;
  return worth(other) > worth(missed(pattern, windowsPassed(pattern, atMs))) + worthMargin;
}

function worth({ hitWeight, windowWeight, coverage }: Pattern): number {
  return (hitWeight / windowWeight) * coverage;
}

function appended(ticks: readonly Tick[], tick: Tick): readonly Tick[] {
  if (ticks.length < ticksMax) return [...ticks, tick];
  // One copy of the length that it has: to grow it by one would make room for half as many again.
  const kept = ticks.slice();
  const last = kept.length - 1;
  for (let i = 0; i < last; i += 1) kept[i] = kept[i + 1] ?? tick;
  kept[last] = tick;
  return kept;
}
