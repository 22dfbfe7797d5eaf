/**
 * Follows a learned pattern: each call is a hit of a window, a follower within it, or a stray.
 * The recent ones rule: period and phase are refitted to the last hits, shares are damped.
 */
import type { Detection } from "./detect.ts";
import { fitLine, type Line } from "./fit-line.ts";
import { hitsMax, type Hit, type Pattern, type Tick } from "./history.ts";

/** A share forgets an eighth with each window, or call. */
export const damping = 7 / 8;
/** Errors forget a fifth with each hit. */
const errorDamping = 0.8;
/** The window spans so many mean errors on either side, and the largest recent one with some to spare. */
const errorsPerTolerance = 2.5;
const largestErrorFactor = 1.2;
const toleranceShareMin = 0.02;
const toleranceShareMax = 0.3;
/** A tick so many tolerances from its due time still teaches the clock, unless unrelated calls abound. */
const nearTolerances = 2;
const nearCoverageMin = 0.5;

export type TickKind = "hit" | "same" | "near" | "stray";
export interface Tracked {
  readonly pattern: Pattern;
  readonly kind: TickKind;
}

/** What has been detected, as a pattern; its evidence counts as the first hits. */
export function learn(found: Detection, grainMs: number): Pattern {
  const recent = hitsAmong(found);
  const hits = recent.length;
  const windows = (recent.at(-1)?.index ?? 0) - (recent[0]?.index ?? 0) + 1;
  const kept = recent.slice(-hitsMax);
  const line = fitLine(kept);
  const errors = {
    clockErrorMs: mean(kept.map((one) => clockErrorOf(one, line))),
    stepErrorMs: mean(kept.slice(1).map((one, i) => stepErrorOf(one, kept[i] ?? one, line))),
  };
  // The first tick of the evidence was not predicted by anything.
  let hitWeight = 0;
  for (const [i, one] of recent.slice(1).entries())
    hitWeight = hitWeight * damping ** (one.index - (recent[i]?.index ?? 0)) + 1;
  return {
    ...errors,
    periodMs: line.periodMs,
    dueAtMs: line.dueAtMs(kept.at(-1)?.index ?? 0),
    toleranceMs: toleranceOf(line, errors, kept, grainMs),
    recent: kept,
    hitWeight,
    windowWeight: (1 - damping ** (windows - 1)) / (1 - damping),
    coverage: found.coverage,
    followShare: found.isSpread ? 1 : 0,
    hits: hits - 1,
    misses: windows - hits,
  };
}

/** The ticks of one clock that leads to the newest; unrelated calls lie among the evidence. */
function hitsAmong(found: Detection): Hit[] {
  const hits: Hit[] = [];
  let index = 0;
  let nextMs = found.ticks[0]?.atMs ?? 0;
  for (const { atMs, count } of found.ticks) {
    const periods = Math.round((nextMs - atMs) / found.periodMs);
    const error = Math.abs(nextMs - atMs - periods * found.periodMs);
    if (error > found.toleranceMs || (hits.length > 0 && periods < 1)) continue;
    index -= periods;
    nextMs = atMs;
    hits.push({ index, atMs, count });
  }
  return hits.reverse();
}

/** Takes one tick, the one before it beside; windows missed before it are settled by a hit. */
export function track(
  pattern: Pattern,
  tick: Tick,
  previous: Tick | undefined,
  grainMs: number,
): Tracked {
  const latest = pattern.recent.at(-1);
  if (latest === undefined) return stray(pattern);
  const { atMs } = tick;
  const { periodMs } = pattern;
  const periods = Math.max(0, Math.round((atMs - nextDue(pattern, 0)) / periodMs));
  if (periods === 0)
    return atMs > Math.max(pattern.dueAtMs, latest.atMs) + pattern.toleranceMs
      ? stray(pattern)
      : follow(pattern);
  if (Math.abs(atMs - nextDue(pattern, periods)) <= toleranceAfter(pattern, periods))
    return { pattern: hit(pattern, latest, tick, periods, grainMs), kind: "hit" };
  if (isNear(pattern, atMs, periods)) {
    // It was not covered, but it belongs to the clock: else only ticks that fit would teach it.
    const taught = hit(pattern, latest, tick, periods, grainMs);
    const { hitWeight, windowWeight } = missed(pattern, periods);
    const coverage = damped(pattern.coverage, 0);
    const { hits } = pattern;
    const misses = pattern.misses + periods;
    return {
      pattern: changed(taught, { hitWeight, windowWeight, coverage, hits, misses }),
      kind: "near",
    };
  }
  const isDue = atMs > nextDue(pattern, 1) + pattern.toleranceMs;
  const stepMs = atMs - (previous?.atMs ?? atMs);
  if (!isDue || previous === undefined || Math.abs(stepMs - periodMs) > pattern.toleranceMs)
    return stray(pattern);
  // A window was missed, but this tick keeps the period from the last one: the clock was set anew.
  const moved = moveTo(pattern, latest, previous);
  return { pattern: hit(moved.pattern, moved.latest, tick, 1, grainMs), kind: "hit" };
}

/** A little outside of its window, in a function with few unrelated calls. */
function isNear(pattern: Pattern, atMs: number, periods: number): boolean {
  const nearMs = Math.min(
    pattern.toleranceMs * nearTolerances,
    pattern.periodMs * toleranceShareMax,
  );
  return (
    pattern.coverage >= nearCoverageMin && Math.abs(atMs - nextDue(pattern, periods)) <= nearMs
  );
}

/** Field by field: to spread an object of many numbers costs more than all the rest of taking a call. */
export function changed(pattern: Pattern, change: Partial<Pattern>): Pattern {
  return {
    periodMs: change.periodMs ?? pattern.periodMs,
    dueAtMs: change.dueAtMs ?? pattern.dueAtMs,
    toleranceMs: change.toleranceMs ?? pattern.toleranceMs,
    clockErrorMs: change.clockErrorMs ?? pattern.clockErrorMs,
    stepErrorMs: change.stepErrorMs ?? pattern.stepErrorMs,
    recent: change.recent ?? pattern.recent,
    hitWeight: change.hitWeight ?? pattern.hitWeight,
    windowWeight: change.windowWeight ?? pattern.windowWeight,
    coverage: change.coverage ?? pattern.coverage,
    followShare: change.followShare ?? pattern.followShare,
    hits: change.hits ?? pattern.hits,
    misses: change.misses ?? pattern.misses,
  };
}

function hit(
  pattern: Pattern,
  latest: Hit,
  { atMs, count }: Tick,
  periods: number,
  grainMs: number,
): Pattern {
  const before = missed(pattern, periods - 1);
  const index = latest.index + periods;
  const recent = [...pattern.recent.slice(1 - hitsMax), { index, atMs, count }];
  const line = fitLine(recent);
  const clockError = Math.abs(atMs - pattern.dueAtMs - periods * pattern.periodMs);
  const stepError = Math.abs(atMs - latest.atMs - periods * pattern.periodMs);
  const clockErrorMs = pattern.clockErrorMs * errorDamping + clockError * (1 - errorDamping);
  const stepErrorMs = pattern.stepErrorMs * errorDamping + stepError * (1 - errorDamping);
  return {
    periodMs: line.periodMs,
    dueAtMs: line.dueAtMs(index),
    toleranceMs: toleranceOf(line, { clockErrorMs, stepErrorMs }, recent, grainMs),
    clockErrorMs,
    stepErrorMs,
    recent,
    hitWeight: before.hitWeight * damping + 1,
    windowWeight: before.windowWeight * damping + 1,
    coverage: damped(pattern.coverage, 1),
    followShare: pattern.followShare * damping,
    hits: pattern.hits + 1,
    misses: before.misses,
  };
}

/** The same clock, set so that it struck at `tick`; the windows until then were missed. */
function moveTo(pattern: Pattern, latest: Hit, tick: Tick): { pattern: Pattern; latest: Hit } {
  const periods = Math.max(1, Math.round((tick.atMs - latest.atMs) / pattern.periodMs));
  const shiftMs = Math.round(tick.atMs - latest.atMs - periods * pattern.periodMs);
  const now = { index: latest.index + periods, atMs: tick.atMs, count: tick.count };
  const before = pattern.recent.map((one) => ({ ...one, atMs: one.atMs + shiftMs }));
  return {
    latest: now,
    pattern: changed(missed(pattern, periods), {
      dueAtMs: tick.atMs,
      recent: [...before.slice(-(hitsMax - 1)), now],
    }),
  };
}

function follow(pattern: Pattern): Tracked {
  return {
    kind: "same",
    pattern: changed(pattern, {
      coverage: damped(pattern.coverage, 1),
      followShare: Math.min(1, pattern.followShare + 1 - damping),
    }),
  };
}

/** The pattern after `windows` more that nobody came to. */
export function missed(pattern: Pattern, windows: number): Pattern {
  if (windows <= 0) return pattern;
  const kept = damping ** windows;
  return changed(pattern, {
    hitWeight: pattern.hitWeight * kept,
    windowWeight: pattern.windowWeight * kept + (1 - kept) / (1 - damping),
    misses: pattern.misses + windows,
  });
}

/** When the tick `periods` after the latest hit is due, by the better of clock and step. */
export function nextDue(pattern: Pattern, periods: number): number {
  const fromMs = isClock(pattern) ? pattern.dueAtMs : (pattern.recent.at(-1)?.atMs ?? 0);
  return fromMs + periods * pattern.periodMs;
}

/** Errors of a step add up over missed windows; those of a clock do not. */
export function toleranceAfter(pattern: Pattern, periods: number): number {
  if (isClock(pattern)) return pattern.toleranceMs;
  const grown = pattern.toleranceMs * Math.sqrt(periods);
  return Math.min(grown, Math.max(pattern.toleranceMs, toleranceShareMax * pattern.periodMs));
}

export function isClock(pattern: Pattern): boolean {
  return pattern.clockErrorMs <= pattern.stepErrorMs;
}

function toleranceOf(
  line: Line,
  errors: { clockErrorMs: number; stepErrorMs: number },
  hits: readonly Hit[],
  grainMs: number,
): number {
  const { periodMs } = line;
  const isByClock = errors.clockErrorMs <= errors.stepErrorMs;
  const meanMs = isByClock ? errors.clockErrorMs : errors.stepErrorMs;
  // The errors of a line fitted to few points are too small, and those ahead of its end are larger.
  const count = isByClock ? hits.length : hits.length - 1;
  const young = Math.sqrt(count / Math.max(1, count - 2));
  const ahead = isByClock ? Math.sqrt(1 + 4 / count) : 1;
  let largest = 0;
  for (let i = isByClock ? 0 : 1; i < hits.length; i += 1) {
    const hit = hits[i];
    const before = hits[i - 1];
    if (hit === undefined) continue;
    const error =
      isByClock || before === undefined ? clockErrorOf(hit, line) : stepErrorOf(hit, before, line);
    if (error > largest) largest = error;
  }
  const largestMs = largest * largestErrorFactor * ahead;
  const wanted = Math.max(meanMs * errorsPerTolerance, largestMs) * young;
  const least = Math.max(toleranceShareMin * periodMs, Math.min(grainMs / 2, 0.1 * periodMs));
  return Math.min(toleranceShareMax * periodMs, Math.max(least, wanted));
}

function clockErrorOf(hit: Hit, line: Line): number {
  return Math.abs(hit.atMs - line.dueAtMs(hit.index));
}

function stepErrorOf(hit: Hit, before: Hit, line: Line): number {
  return Math.abs(hit.atMs - before.atMs - (hit.index - before.index) * line.periodMs);
}

function stray(pattern: Pattern): Tracked {
  return { pattern: changed(pattern, { coverage: damped(pattern.coverage, 0) }), kind: "stray" };
}

function damped(share: number, value: 0 | 1): number {
  return share * damping + value * (1 - damping);
}

function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}
