/**
 * Looks for a fixed period that ends at the newest tick. Two ways of looking: the gaps between ticks
 * repeat (learns within five calls), or stepping back from the newest tick by one candidate period finds
 * tick after tick (sees a period among unrelated calls). Both are held against chance, see chance.ts.
 */
import { countChance, gapChance, surprise } from "./chance.ts";
import { fitLine } from "./fit-line.ts";
import { sortFew } from "../sort-few.ts";
import { burstSpanMs, ticksMax, type History, type Tick } from "./history.ts";

/** A period found, and the ticks that show it, newest first. */
export interface Detection {
  readonly periodMs: number;
  readonly toleranceMs: number;
  readonly ticks: readonly Tick[];
  /** Share of the ticks since the oldest of these that the period explains. */
  readonly coverage: number;
  /** Whether calls that came one after another were taken as one tick. */
  readonly isSpread: boolean;
  /** −ln of the chance that it is none. */
  readonly surprise: number;
}

/** Gaps looked back over at most. */
const gapsMax = 32;
/** The median of so many newest gaps may be a period. */
const spansTried = [3, 5, 9];
/** Two ticks more than three periods apart say nothing of the period. */
const periodsPerGapMax = 3;
/** Tolerances that are tried, as shares of the period. */
const toleranceShares = [0.01, 0.05, 0.1, 0.2] as const;
const toleranceShareMax = 0.25;
/** Ticks that are held against a clock: at least, and at most, so many gaps. */
const clockGapsMin = 4;
const clockGapsMax = 10;
/** Two ticks may be a quarter of a period late or early at most: the longest gap over the shortest. */
const unevenMax = 1.5 / 0.5;
const clockFitDiscount = Math.log(4);
/** Shares of the calls so near each other are about equal. */
const coverageEqual = 0.15;
/** Calls within this share of the longest recent gap may be one spread-out burst. */
const burstShare = 1 / 8;

/** The chance of a false alarm is spent mostly on the first ticks, where quick learning pays most. */
function surpriseNeeded(ticksSeen: number): number {
  if (ticksSeen <= 8) return 8.3;
  if (ticksSeen <= 16) return 9.5;
  return 13;
}

export function detect(history: History): Detection | undefined {
  const { ticks, grainMs } = history;
  if (ticks.length < 4) return undefined;
  const needed = surpriseNeeded(history.ticksSeen);
  const found = [
    byGaps(ticks, grainMs, burstSpanMs),
    byClock(ticks, grainMs, burstSpanMs),
    bySteps(ticks, grainMs),
  ];
  const burstMs = Math.max(burstSpanMs, longestGap(ticks) * burstShare);
  const groups = grouped(ticks, burstMs);
  if (groups.length >= 4 && groups.length < ticks.length)
    found.push(byGaps(groups, grainMs, burstMs));
  let best: Detection | undefined;
  for (const one of found)
    if (one !== undefined && one.surprise >= needed) best = clearer(best, one);
  return best;
}

/** The one that explains more of the calls; of about equals, the one with more proof. */
function clearer(a: Detection | undefined, b: Detection): Detection {
  if (a === undefined) return b;
  const isEqual = Math.abs(a.coverage - b.coverage) <= coverageEqual;
  return (isEqual ? b.surprise > a.surprise : b.coverage > a.coverage) ? b : a;
}

function better(a: Detection | undefined, b: Detection | undefined): Detection | undefined {
  return a === undefined || (b !== undefined && b.surprise > a.surprise) ? b : a;
}

function byGaps(ticks: readonly Tick[], grainMs: number, deadMs: number): Detection | undefined {
  const gaps: number[] = []; // newest first
  for (let i = ticks.length - 1; i > 0 && gaps.length < gapsMax; i -= 1)
    gaps.push(at(ticks, i).atMs - at(ticks, i - 1).atMs);
  let best: Detection | undefined;
  let triedMs = 0;
  for (const span of spansTried) {
    const periodMs = median(gaps, span);
    if (Math.abs(periodMs - triedMs) < periodMs * 0.01) continue;
    triedMs = periodMs;
    for (const toleranceMs of tolerances(periodMs, grainMs))
      best = better(best, runOfGaps(ticks, gaps, periodMs, toleranceMs, grainMs, deadMs));
  }
  return best;
}

function tolerances(periodMs: number, grainMs: number): number[] {
  const tried = toleranceShares.map((share) => share * periodMs);
  if (grainMs <= toleranceShareMax * periodMs) tried.push(grainMs);
  if (2 * grainMs <= toleranceShareMax * periodMs) tried.push(2 * grainMs);
  return tried;
}

/** The newest gaps that are one to three periods long, with few exceptions. */
function runOfGaps(
  ticks: readonly Tick[],
  gaps: readonly number[],
  periodMs: number,
  toleranceMs: number,
  grainMs: number,
  deadMs: number,
): Detection | undefined {
  let hits = 0;
  let longest = 1;
  let best = 0;
  let bestAt = 0;
  let coverage = 1;
  const count = at(ticks, ticks.length - 1).count;
  let sameCount = true;
  for (let i = 0; i < gaps.length; i += 1) {
    const gap = gaps[i] ?? 0;
    const periods = Math.max(1, Math.round(gap / periodMs));
    const isHit = periods <= periodsPerGapMax && Math.abs(gap - periods * periodMs) <= toleranceMs;
    if (isHit) {
      hits += 1;
      longest = Math.max(longest, periods);
    } else if (i < 2 || i + 1 - hits > (i + 1) * 0.4) break;
    sameCount &&= at(ticks, ticks.length - 2 - i).count === count;
    if (!isHit || i < 2) continue;
    // One to three periods: three windows in which a gap may end by chance.
    const allowed = longest === 1 ? 1 : longest === 2 ? 1.42 : 1.66;
    let chance = gapChance(periodMs, toleranceMs, grainMs, deadMs) * allowed;
    if (sameCount && longest === 1) chance = Math.min(chance, countChance(count));
    // The period was fitted to these gaps: one of them is no evidence.
    const found = surprise(hits - 1, i, chance);
    if (found > best) {
      best = found;
      bestAt = i + 1;
      coverage = hits / bestAt;
    }
  }
  if (bestAt === 0) return undefined;
  return {
    periodMs,
    toleranceMs,
    ticks: ticks.slice(ticks.length - 1 - bestAt).toReversed(),
    coverage,
    isSpread: deadMs > burstSpanMs,
    surprise: best,
  };
}

/** The newest ticks lie near a clock that beats once for each: the quickest to see jitter as jitter. */
function byClock(ticks: readonly Tick[], grainMs: number, deadMs: number): Detection | undefined {
  let best: Detection | undefined;
  const most = Math.min(clockGapsMax, ticks.length - 1);
  for (let gaps = clockGapsMin; gaps <= most; gaps += 1) {
    if (!isNearlyEven(ticks, gaps)) break;
    const first = ticks.length - 1 - gaps;
    for (let i = 0; i <= gaps; i += 1) put(evenly[i], at(ticks, first + i).atMs);
    const line = fitLine(evenly, gaps + 1);
    let errorMs = 0;
    for (let i = 0; i <= gaps; i += 1)
      errorMs = Math.max(errorMs, Math.abs(at(ticks, first + i).atMs - line.dueAtMs(i)));
    const toleranceMs = Math.max(errorMs, toleranceShares[0] * line.periodMs);
    if (toleranceMs > toleranceShareMax * line.periodMs) continue;
    const chance = gapChance(line.periodMs, toleranceMs, grainMs, deadMs);
    // Phase and period were fitted: one gap is no evidence, and the fit had some choice.
    const found = surprise(gaps - 1, gaps - 1, chance) - clockFitDiscount;
    if (best === undefined || found > best.surprise)
      best = {
        periodMs: line.periodMs,
        toleranceMs: 2 * toleranceMs,
        ticks: ticks.slice(first).toReversed(),
        coverage: 1,
        isSpread: false,
        surprise: found,
      };
  }
  return best;
}

/** Numbered in order; filled anew by each look. */
const evenly = Array.from({ length: clockGapsMax + 1 }, (_, index) => ({ index, atMs: 0 }));

function put(point: { atMs: number } | undefined, atMs: number): void {
  if (point !== undefined) point.atMs = atMs;
}

/** No clock beats through gaps of which one is far from the others; more of them do not mend that. */
function isNearlyEven(ticks: readonly Tick[], gaps: number): boolean {
  let shortest = Number.POSITIVE_INFINITY;
  let longest = 0;
  for (let i = ticks.length - gaps; i < ticks.length; i += 1) {
    const gap = at(ticks, i).atMs - at(ticks, i - 1).atMs;
    shortest = Math.min(shortest, gap);
    longest = Math.max(longest, gap);
  }
  return longest <= shortest * unevenMax;
}

/** Steps back from the newest tick by every candidate period; other calls may lie between. */
function bySteps(ticks: readonly Tick[], grainMs: number): Detection | undefined {
  const newest = at(ticks, ticks.length - 1);
  const oldest = at(ticks, 0);
  let best: Detection | undefined;
  for (let i = ticks.length - 2; i >= 0; i -= 1) {
    const first = at(ticks, i);
    const periodMs = newest.atMs - first.atMs;
    const steps = Math.floor((newest.atMs - oldest.atMs) / periodMs);
    if (steps < 5) break;
    for (const share of [0.02, 0.1])
      best = better(best, stepBack(ticks, i, periodMs, share * periodMs, grainMs));
  }
  return best;
}

/** Places of the ticks that were stepped back to; filled anew by each candidate. */
const stepped = new Int32Array(ticksMax);

function stepBack(
  ticks: readonly Tick[],
  firstIndex: number,
  candidateMs: number,
  toleranceMs: number,
  grainMs: number,
): Detection | undefined {
  const newest = at(ticks, ticks.length - 1);
  stepped[0] = ticks.length - 1;
  stepped[1] = firstIndex;
  let shown = 2;
  let periodMs = candidateMs;
  let windows = 0;
  let hits = 0;
  let best = 0;
  let bestShown = 0;
  let seenAtBest = 1;
  let cursor = firstIndex;
  let dueMs = at(ticks, firstIndex).atMs - periodMs;
  let steps = 1;
  const oldestMs = at(ticks, 0).atMs;
  while (dueMs >= oldestMs - toleranceMs) {
    steps += 1;
    while (cursor > 0 && at(ticks, cursor).atMs > dueMs + toleranceMs) cursor -= 1;
    const nearestIndex = nearestTick(ticks, cursor, dueMs);
    const nearest = at(ticks, nearestIndex);
    const isHit = Math.abs(nearest.atMs - dueMs) <= toleranceMs;
    windows += 1;
    if (isHit) {
      hits += 1;
      stepped[shown] = nearestIndex;
      shown += 1;
      periodMs = (newest.atMs - nearest.atMs) / steps;
    } else if (windows <= 2 || windows - hits > windows * 0.3) break;
    dueMs = (isHit ? nearest.atMs : dueMs) - periodMs;
    if (!isHit || windows < 4) continue;
    const seen = ticks.length - cursor;
    const rate = seen / (newest.atMs - nearest.atMs);
    const chance = rate * (2 * toleranceMs + grainMs);
    // Every remembered tick was a candidate: the best of them is less surprising for it.
    const found = surprise(hits, windows, chance) - Math.log(ticks.length);
    if (found > best) {
      best = found;
      bestShown = shown;
      seenAtBest = seen;
    }
  }
  if (bestShown === 0) return undefined;
  return {
    periodMs,
    toleranceMs,
    ticks: Array.from(stepped.subarray(0, bestShown), (index) => at(ticks, index)),
    coverage: Math.min(1, bestShown / seenAtBest),
    isSpread: false,
    surprise: best,
  };
}

function nearestTick(ticks: readonly Tick[], from: number, dueMs: number): number {
  let nearest = from;
  for (let i = from - 1; i >= 0; i -= 1) {
    if (Math.abs(at(ticks, i).atMs - dueMs) > Math.abs(at(ticks, nearest).atMs - dueMs)) break;
    nearest = i;
  }
  return nearest;
}

/** The third longest of the recent gaps: a pause or two over night are not the rhythm. */
function longestGap(ticks: readonly Tick[]): number {
  let longest = 0;
  let second = 0;
  let third = 0;
  for (let i = ticks.length - 1; i > 0; i -= 1) {
    const gap = at(ticks, i).atMs - at(ticks, i - 1).atMs;
    if (gap > longest) {
      third = second;
      second = longest;
      longest = gap;
    } else if (gap > second) {
      third = second;
      second = gap;
    } else if (gap > third) third = gap;
  }
  return ticks.length > 3 ? third : ticks.length > 2 ? second : longest;
}

/** Ticks within `spreadMs` of the first of them, taken as one. */
function grouped(ticks: readonly Tick[], spreadMs: number): Tick[] {
  const groups: Tick[] = [];
  for (const tick of ticks) {
    const last = groups.at(-1);
    if (last !== undefined && tick.atMs - last.atMs <= spreadMs)
      groups[groups.length - 1] = { atMs: last.atMs, count: Math.max(last.count, tick.count) };
    else groups.push(tick);
  }
  return groups;
}

const few = new Float64Array(spansTried.at(-1) ?? 0);

/** Of the first `span`. */
function median(values: readonly number[], span: number): number {
  const count = Math.min(span, values.length);
  for (let i = 0; i < count; i += 1) few[i] = values[i] ?? 0;
  sortFew(few, count);
  return few[count >> 1] ?? 0;
}

function at(ticks: readonly Tick[], index: number): Tick {
  const tick = ticks[index];
  if (tick === undefined) throw new RangeError(`tick ${index} of ${ticks.length}`);
  return tick;
}
