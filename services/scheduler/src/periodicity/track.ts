/**
 * Follows a learned pattern: each call is a hit of a window, a follower within it, or a stray.
 * The recent ones rule: period and phase are refitted to the last hits, shares are damped.
 */
import type { Detection } from "./detect.ts";
import { hitsMax, type Hit, type Pattern, type Tick } from "./history.ts";

/** A share forgets an eighth with each window, or call. */
export const damping = 7 / 8;
/** Errors forget a fifth with each hit. */
const errorDamping = 0.8;
/** The window spans so many mean errors on either side: 98 of 100 ticks with a normal error. */
const errorsPerTolerance = 3;
const toleranceShareMin = 0.02;
const toleranceShareMax = 0.25;

export type Tracked = { readonly pattern: Pattern; readonly kind: "hit" | "same" | "stray" };

/** What has been detected, as a pattern; its evidence counts as the first hits. */
export function learn(found: Detection, grainMs: number): Pattern {
  const recent = hitsAmong(found);
  const hits = recent.length;
  const windows = (recent.at(-1)?.index ?? 0) - (recent[0]?.index ?? 0) + 1;
  const kept = recent.slice(-hitsMax);
  const line = fit(kept);
  const errors = {
    clockErrorMs: mean(kept.map((hit) => Math.abs(hit.atMs - line.dueAtMs(hit.index)))),
    stepErrorMs: mean(
      kept.slice(1).map((hit, i) => {
        const before = kept[i] ?? hit;
        return Math.abs(hit.atMs - before.atMs - (hit.index - before.index) * line.periodMs);
      }),
    ),
  };
  const weight = (1 - damping ** (windows - 1)) / (1 - damping);
  return {
    ...errors,
    periodMs: line.periodMs,
    dueAtMs: line.dueAtMs(kept.at(-1)?.index ?? 0),
    toleranceMs: toleranceOf(line.periodMs, errors, grainMs, hits),
    recent: kept,
    // The first tick of the evidence was not predicted by anything.
    hitWeight: (weight * (hits - 1)) / Math.max(1, windows - 1),
    windowWeight: weight,
    coverage: hits / found.ticks.length,
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
  const isDue = atMs > nextDue(pattern, 1) + pattern.toleranceMs;
  const stepMs = atMs - (previous?.atMs ?? atMs);
  if (!isDue || previous === undefined || Math.abs(stepMs - periodMs) > pattern.toleranceMs)
    return stray(pattern);
  // A window was missed, but this tick keeps the period from the last one: the clock was set anew.
  const moved = moveTo(pattern, latest, previous);
  return { pattern: hit(moved.pattern, moved.latest, tick, 1, grainMs), kind: "hit" };
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
  const recent = [...pattern.recent.slice(-(hitsMax - 1)), { index, atMs, count }];
  const line = fit(recent);
  const clockError = Math.abs(atMs - pattern.dueAtMs - periods * pattern.periodMs);
  const stepError = Math.abs(atMs - latest.atMs - periods * pattern.periodMs);
  const errors = {
    clockErrorMs: pattern.clockErrorMs * errorDamping + clockError * (1 - errorDamping),
    stepErrorMs: pattern.stepErrorMs * errorDamping + stepError * (1 - errorDamping),
  };
  return {
    ...errors,
    periodMs: line.periodMs,
    dueAtMs: line.dueAtMs(index),
    toleranceMs: toleranceOf(line.periodMs, errors, grainMs, pattern.hits + 1),
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
  const shiftMs = tick.atMs - latest.atMs - periods * pattern.periodMs;
  const now = { index: latest.index + periods, atMs: tick.atMs, count: tick.count };
  const before = pattern.recent.map((one) => ({ ...one, atMs: one.atMs + shiftMs }));
  return {
    latest: now,
    pattern: {
      ...missed(pattern, periods),
      dueAtMs: tick.atMs,
      recent: [...before.slice(-(hitsMax - 1)), now],
    },
  };
}

function follow(pattern: Pattern): Tracked {
  return {
    kind: "same",
    pattern: {
      ...pattern,
      coverage: damped(pattern.coverage, 1),
      followShare: Math.min(1, pattern.followShare + 1 - damping),
    },
  };
}

/** The pattern after `windows` more that nobody came to. */
export function missed(pattern: Pattern, windows: number): Pattern {
  if (windows <= 0) return pattern;
  const kept = damping ** windows;
  return {
    ...pattern,
    hitWeight: pattern.hitWeight * kept,
    windowWeight: pattern.windowWeight * kept + (1 - kept) / (1 - damping),
    misses: pattern.misses + windows,
  };
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

function isClock(pattern: Pattern): boolean {
  return pattern.clockErrorMs <= pattern.stepErrorMs;
}

function toleranceOf(
  periodMs: number,
  errors: { clockErrorMs: number; stepErrorMs: number },
  grainMs: number,
  hits: number,
): number {
  const error = Math.min(errors.clockErrorMs, errors.stepErrorMs);
  // The first errors are those of a line that was fitted to them: too small.
  const young = hits < 8 ? 1.5 : 1;
  const least = Math.max(toleranceShareMin * periodMs, Math.min(grainMs / 2, 0.1 * periodMs));
  return Math.min(
    toleranceShareMax * periodMs,
    Math.max(least, error * errorsPerTolerance * young),
  );
}

function stray(pattern: Pattern): Tracked {
  return { pattern: { ...pattern, coverage: damped(pattern.coverage, 0) }, kind: "stray" };
}

function damped(share: number, value: 0 | 1): number {
  return share * damping + value * (1 - damping);
}

/** Least squares through the hits. */
function fit(hits: readonly Hit[]): { periodMs: number; dueAtMs: (index: number) => number } {
  const originMs = hits[0]?.atMs ?? 0;
  const meanIndex = mean(hits.map((hit) => hit.index));
  const meanMs = mean(hits.map((hit) => hit.atMs - originMs));
  let across = 0;
  let square = 0;
  for (const hit of hits) {
    across += (hit.index - meanIndex) * (hit.atMs - originMs - meanMs);
    square += (hit.index - meanIndex) ** 2;
  }
  const periodMs = across / square;
  return { periodMs, dueAtMs: (index) => originMs + meanMs + (index - meanIndex) * periodMs };
}

function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}
