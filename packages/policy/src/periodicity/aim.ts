/**
 * When within its tolerance the next tick is due, to the second: phase and spread of the recent hits about the
 * clock, or about the step, that leads to them. A window of this is where a VM waits; whether a tick belongs to
 * the pattern at all is the tolerance's matter.
 */
import { addOlder, earliest, edgesOf } from "./edges.ts";
import type { Hit, Pattern, Tick } from "./history.ts";
import { isClock, nextDue } from "./track.ts";

export interface Aim {
  readonly atMs: number;
  /** A tick is expected so long before, and so long after that instant. */
  readonly earlyMs: number;
  readonly lateMs: number;
}

/** Clocks are set to whole minutes more often than not; shorter periods, to whole seconds. */
const roundStepsMs = [60_000, 1_000] as const;
/** A whole step must be worth so many of itself for a period to be taken for so many of them. */
const stepsMin = 10;
/** So many standard errors beside what was measured, a whole period is ruled out. */
const errorsToRound = 4;
/** One-sided 99th percentile of a spread measured in so few hits (Student), from one degree of freedom on. */
const spreadsBeside = [31.8, 6.97, 4.54, 3.75, 3.37, 3.14, 3, 2.9, 2.82, 2.76, 2.72] as const;
/** Jitter has an end more often than a tail: not far beyond the largest error seen, and the less the more were. */
const largestDoubt = 4;
/** What no clock and no network is surer of; at most this share of the period. */
const leastMs = 500;
const leastShare = 0.05;
/** To wait on costs only when nobody came. */
const lateFactor = 2;
/** From so many hits on it is seen whether they follow a clock, or each the one before. */
const hitsToTell = 4;

/** @param ticks all that are remembered: they may go back further than the pattern's hits */
export function aim(pattern: Pattern, periods: number, ticks: readonly Tick[]): Aim {
  const { recent, periodMs } = pattern;
  const least = Math.min(leastMs, leastShare * periodMs);
  const latest = recent.at(-1);
  if (latest === undefined) return withSpread(nextDue(pattern, periods), least, least, pattern);
  const clock = clockThrough(recent, periodMs, latest.index + periods, ticks);
  const steps = isClock(pattern) ? undefined : spreadOfSteps(recent, periodMs);
  if (
    steps !== undefined &&
    (recent.length < hitsToTell || steps.spread < clock.spread || clock.earlyMs === Infinity)
  ) {
    // The errors of steps add up over windows without a call.
    const besideMs = Math.max(least, steps.besideMs * Math.sqrt(periods));
    return withSpread(nextDue(pattern, periods), besideMs, besideMs, pattern);
  }
  const besideMs = Math.max(least, clock.besideMs);
  const earlyMs = Math.max(least, Math.min(besideMs, clock.earlyMs));
  return withSpread(clock.atMs, earlyMs, besideMs, pattern);
}

function withSpread(
  atMs: number,
  earlyMs: number,
  besideMs: number,
  { toleranceMs, periodMs }: Pattern,
): Aim {
  const lateMs = Math.min(lateFactor * Math.min(besideMs, toleranceMs), toleranceMs, periodMs / 4);
  return { atMs, earlyMs: Math.min(earlyMs, toleranceMs), lateMs };
}

/** When hit `index` is due by the clock through the recent ones, and how far beside that it may lie. */
function clockThrough(
  recent: readonly Hit[],
  periodMs: number,
  index: number,
  ticks: readonly Tick[],
): Due {
  const count = recent.length;
  const originMs = recent[0]?.atMs ?? 0;
  let meanIndex = 0;
  let meanMs = 0;
  for (const hit of recent) {
    meanIndex += hit.index / count;
    meanMs += (hit.atMs - originMs) / count;
  }
  let square = 0;
  for (const hit of recent) square += (hit.index - meanIndex) ** 2;
  const middle = { index: meanIndex, atMs: originMs + meanMs };
  const fitted = errorsBeside(recent, middle, periodMs);
  const fittedSpread = Math.sqrt(fitted.sum / Math.max(1, count - 2));
  const roundMs = wholePeriod(periodMs, (errorsToRound * fittedSpread) / Math.sqrt(square));
  if (roundMs !== undefined) {
    const round = errorsBeside(recent, middle, roundMs);
    const spread = Math.sqrt(round.sum / Math.max(1, count - 1));
    const ahead = Math.sqrt(1 + 1 / count);
    const atMs = middle.atMs + (index - meanIndex) * roundMs;
    const besideMs = beside(spread * ahead, round.largest * ahead, count - 1);
    const beat = { atMs, periodMs: roundMs };
    const edges = edgesOf(recent, beat);
    addOlder(edges, ticks, originMs, beat);
    return { atMs, spread, besideMs, earlyMs: earliest(edges) * ahead };
  }
  // Ahead of its end a fitted line is surer of nothing than of its middle.
  const end = (recent.at(-1)?.index ?? 0) + 1 - meanIndex;
  const ahead = Math.sqrt(1 + 1 / count + (end * end) / square);
  const atMs = middle.atMs + (index - meanIndex) * periodMs;
  const besideMs = beside(fittedSpread * ahead, fitted.largest * ahead, count - 2);
  const edges = edgesOf(recent, { atMs, periodMs });
  return { atMs, spread: fittedSpread, besideMs, earlyMs: earliest(edges) * ahead };
}

interface Due {
  readonly atMs: number;
  readonly spread: number;
  readonly besideMs: number;
  /** How far before it, by how early the earliest came. */
  readonly earlyMs: number;
}

function errorsBeside(
  recent: readonly Hit[],
  middle: Pick<Hit, "index" | "atMs">,
  periodMs: number,
): { readonly sum: number; readonly largest: number } {
  let sum = 0;
  let largest = 0;
  for (const { index, atMs } of recent) {
    const error = Math.abs(atMs - middle.atMs - (index - middle.index) * periodMs);
    sum += error * error;
    if (error > largest) largest = error;
  }
  return { sum, largest };
}

function wholePeriod(periodMs: number, doubtMs: number): number | undefined {
  for (const stepMs of roundStepsMs) {
    // Some whole number is always near where the doubt is as wide as the steps.
    if (periodMs < stepsMin * stepMs || 2 * doubtMs > stepMs) continue;
    const whole = Math.round(periodMs / stepMs) * stepMs;
    if (Math.abs(whole - periodMs) <= Math.max(1, doubtMs)) return whole;
  }
  return undefined;
}

function spreadOfSteps(
  recent: readonly Hit[],
  periodMs: number,
): { readonly spread: number; readonly besideMs: number } {
  let sum = 0;
  let largest = 0;
  let count = 0;
  for (let i = 1; i < recent.length; i += 1) {
    const hit = recent[i];
    const before = recent[i - 1];
    if (hit === undefined || before === undefined) continue;
    const periods = hit.index - before.index;
    const error = Math.abs(hit.atMs - before.atMs - periods * periodMs) / Math.sqrt(periods);
    sum += error * error;
    largest = Math.max(largest, error);
    count += 1;
  }
  const spread = Math.sqrt(sum / Math.max(1, count - 1));
  return { spread, besideMs: beside(spread, largest, count - 1) };
}

export function beside(spread: number, largest: number, freedom: number): number {
  const factor = spreadsBeside[Math.min(spreadsBeside.length, Math.max(1, freedom)) - 1] ?? 0;
  return Math.min(spread * factor, largest * (1 + largestDoubt / (freedom + 1)));
}
