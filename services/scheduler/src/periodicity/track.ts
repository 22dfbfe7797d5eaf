/**
 * Follows a learned pattern: each call is a hit of a window, a further call of the same tick, or a stray.
 * The recent ones rule: period and phase are refitted to the last hits, shares are damped.
 */
import type { Detection } from "./detect.ts";
import { hitsMax, type Hit, type Pattern } from "./history.ts";

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
  const ticks = found.ticks.toReversed();
  const recent: Hit[] = [];
  let index = 0;
  let previousMs = ticks[0]?.atMs ?? 0;
  for (const tick of ticks) {
    const periods = Math.round((tick.atMs - previousMs) / found.periodMs);
    // Unrelated calls lie among the evidence: they are no step of the clock.
    if (Math.abs(tick.atMs - previousMs - periods * found.periodMs) > found.toleranceMs) continue;
    if (recent.length > 0 && periods < 1) continue;
    index += periods;
    previousMs = tick.atMs;
    recent.push({ index, atMs: tick.atMs, count: tick.count });
  }
  const hits = recent.length;
  const windows = index + 1;
  const kept = recent.slice(-hitsMax);
  const line = fit(kept);
  const clockErrorMs = mean(kept.map((hit) => Math.abs(hit.atMs - line.dueAtMs(hit.index))));
  const steps = kept.slice(1).map((hit, i) => {
    const before = kept[i] ?? hit;
    return Math.abs(hit.atMs - before.atMs - (hit.index - before.index) * line.periodMs);
  });
  const stepErrorMs = mean(steps);
  const weight = (1 - damping ** (windows - 1)) / (1 - damping);
  const errors = { clockErrorMs, stepErrorMs };
  return {
    ...errors,
    periodMs: line.periodMs,
    dueAtMs: line.dueAtMs(index),
    toleranceMs: toleranceOf(line.periodMs, errors, grainMs, hits),
    recent: kept,
    // The first tick of the evidence was not predicted by anything.
    hitWeight: (weight * (hits - 1)) / Math.max(1, windows - 1),
    windowWeight: weight,
    coverage: hits / ticks.length,
    hits: hits - 1,
    misses: windows - hits,
  };
}

/** Takes one call; misses before it are settled by a hit. */
export function track(pattern: Pattern, atMs: number, count: number, grainMs: number): Tracked {
  const { dueAtMs, toleranceMs } = pattern;
  const latest = pattern.recent.at(-1);
  if (latest === undefined) return { pattern, kind: "stray" };
  const periods = Math.max(0, Math.round((atMs - nextDue(pattern, 0)) / pattern.periodMs));
  if (periods === 0) {
    if (atMs > Math.max(dueAtMs, latest.atMs) + toleranceMs) return stray(pattern);
    const recent = pattern.recent.with(-1, { ...latest, count: latest.count + count });
    return { pattern: { ...pattern, recent, coverage: damped(pattern.coverage, 1) }, kind: "same" };
  }
  const error = atMs - nextDue(pattern, periods);
  if (Math.abs(error) > toleranceAfter(pattern, periods)) return stray(pattern);
  const index = latest.index + periods;
  const recent = [...pattern.recent.slice(-(hitsMax - 1)), { index, atMs, count }];
  const line = fit(recent);
  const clockError = Math.abs(atMs - dueAtMs - periods * pattern.periodMs);
  const stepError = Math.abs(atMs - latest.atMs - periods * pattern.periodMs);
  const errors = {
    clockErrorMs: pattern.clockErrorMs * errorDamping + clockError * (1 - errorDamping),
    stepErrorMs: pattern.stepErrorMs * errorDamping + stepError * (1 - errorDamping),
  };
  const hits = pattern.hits + 1;
  return {
    kind: "hit",
    pattern: {
      ...missed(pattern, periods - 1),
      ...errors,
      periodMs: line.periodMs,
      dueAtMs: line.dueAtMs(index),
      toleranceMs: toleranceOf(line.periodMs, errors, grainMs, hits),
      recent,
      hitWeight: pattern.hitWeight * damping ** periods + 1,
      windowWeight: missed(pattern, periods - 1).windowWeight * damping + 1,
      coverage: damped(pattern.coverage, 1),
      hits,
      misses: pattern.misses + periods - 1,
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
