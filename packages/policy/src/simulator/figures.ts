/**
 * What a policy is held to on one log: each figure at equal waste against its rivals, and again over functions
 * drawn anew, so that a figure that hangs on a few functions shows it. The same scores give the same figures.
 */
import { seededRandom } from "../seeded-random.ts";
import { coldAt, curvePoints, frontier, settingWithin, type CurvePoint } from "./curve.ts";
import type { SlotScores } from "./slot-score.ts";

export interface FigureRuns {
  readonly own: SlotScores;
  readonly fixed: SlotScores;
  /** The fixed keep-alive that everything is compared with. */
  readonly fixedKnob: number;
  /** Absent when it was not run. */
  readonly hybrid?: SlotScores;
  /** Its paper's own setting. */
  readonly hybridKnob: number;
  /** Slots with calls in the scored part, by function. */
  readonly hitsScored: readonly number[];
}

/** Null where the policy cannot go there, or has no cold start at all. */
export interface Interval {
  readonly value: number | null;
  /** 5th and 95th percentile over functions drawn anew. */
  readonly low: number | null;
  readonly high: number | null;
}

export const figureNames = [
  "timesFewerThanFixed",
  "timesFewerThanHybrid",
  "timesFewerThanBestHybrid",
  "timesFewerThanEveryFixed",
  "coldShareP75",
  "hybridColdShareP75",
  "timesFewerThanHybridFewLoads",
] as const;
export type FigureName = (typeof figureNames)[number];
export type Figures = Readonly<Record<FigureName, Interval>>;

export const resamples = 200;
/**
 * Budgets that a policy is held against every fixed keep-alive at, as shares of the compared one's waste: all
 * that both have a setting for.
 */
export const budgets = { from: 0.02, to: 1.2, step: 0.02 } as const;
/** The waste that cold shares are read at, as a share of the compared keep-alive's. */
export const coldShareWaste = 1.35;
/** "Few loads" are so many times the compared keep-alive's. */
export const fewLoads = 3;
const seed = 5;
const quantiles = { low: 0.05, high: 0.95 } as const;
const upperQuartile = 0.75;

export function figuresOf(runs: FigureRuns, weights: readonly number[]): Figures {
  const measured = measure(runs, weights);
  const drawn = draws(weights.length).map((times) =>
    measure(
      runs,
      weights.map((weight, index) => weight * (times[index] ?? 0)),
    ),
  );
  const entries = figureNames.map((name) => [
    name,
    intervalOf(
      measured[name],
      drawn.map((one) => one[name]),
    ),
  ]);
  return Object.fromEntries(entries) as Figures;
}

/** How often each of so many functions is in each sample, drawn with replacement. */
export function draws(functionCount: number): Uint32Array[] {
  const random = seededRandom(seed);
  return Array.from({ length: resamples }, () => {
    const times = new Uint32Array(functionCount);
    for (let n = 0; n < functionCount; n += 1) {
      const index = Math.floor(random() * functionCount);
      times[index] = (times[index] ?? 0) + 1;
    }
    return times;
  });
}

export function intervalOf(
  value: number | undefined,
  drawn: readonly (number | undefined)[],
): Interval {
  const sorted = drawn.filter((one) => one !== undefined).sort((a, b) => a - b);
  const at = (share: number): number | null =>
    sorted[Math.floor(share * (sorted.length - 1))] ?? null;
  return { value: value ?? null, low: at(quantiles.low), high: at(quantiles.high) };
}

function measure(
  runs: FigureRuns,
  weights: readonly number[],
): Record<FigureName, number | undefined> {
  const ownPoints = curvePoints(runs.own, weights);
  const own = frontier(ownPoints);
  const fixedPoints = curvePoints(runs.fixed, weights);
  const base = fixedPoints[runs.fixedKnob];
  const hybridPoints = runs.hybrid === undefined ? [] : curvePoints(runs.hybrid, weights);
  const hybrid = hybridPoints[runs.hybridKnob];
  const atWasteOf = (point: CurvePoint | undefined): number | undefined =>
    point === undefined ? undefined : coldAt(own, point.waste);
  const bestHybrid = base === undefined ? undefined : coldAt(frontier(hybridPoints), base.waste);
  const within = settingWithin(own, (base?.waste ?? 0) * coldShareWaste);
  return {
    timesFewerThanFixed: quotient(base?.cold, atWasteOf(base)),
    timesFewerThanHybrid: quotient(hybrid?.cold, atWasteOf(hybrid)),
    timesFewerThanBestHybrid: quotient(bestHybrid, atWasteOf(base)),
    timesFewerThanEveryFixed: overEveryFixed(own, frontier(fixedPoints), base),
    coldShareP75: within && coldShare(runs, runs.own, within.knob, weights),
    hybridColdShareP75: runs.hybrid && coldShare(runs, runs.hybrid, runs.hybridKnob, weights),
    timesFewerThanHybridFewLoads: quotient(hybrid?.cold, coldWithFewLoads(ownPoints, hybrid, base)),
  };
}

/** The least lead over the whole curve of fixed keep-alives; budgets that the policy cannot keep are left out. */
function overEveryFixed(
  own: readonly CurvePoint[],
  fixed: readonly CurvePoint[],
  base: CurvePoint | undefined,
): number | undefined {
  if (base === undefined) return undefined;
  let least: number | undefined;
  const steps = Math.round((budgets.to - budgets.from) / budgets.step);
  for (let step = 0; step <= steps; step += 1) {
    const waste = (budgets.from + step * budgets.step) * base.waste;
    const lead = quotient(coldAt(fixed, waste), coldAt(own, waste));
    if (lead !== undefined && (least === undefined || lead < least)) least = lead;
  }
  return least;
}

/** Of the settings within the hybrid histogram's waste that load seldom, the one with the fewest cold starts. */
function coldWithFewLoads(
  own: readonly CurvePoint[],
  hybrid: CurvePoint | undefined,
  base: CurvePoint | undefined,
): number | undefined {
  if (hybrid === undefined || base === undefined) return undefined;
  const cold = own
    .filter(({ waste, loads }) => waste <= hybrid.waste && loads <= fewLoads * base.loads)
    .map((point) => point.cold);
  return cold.length === 0 ? undefined : Math.min(...cold);
}

/** The share of cold slots that three quarters of the functions, by weight, do not exceed. */
function coldShare(
  { hitsScored }: FigureRuns,
  scores: SlotScores,
  knob: number,
  weights: readonly number[],
): number | undefined {
  const shares: { readonly share: number; readonly weight: number }[] = [];
  let total = 0;
  for (const [index, weight] of weights.entries()) {
    const hits = hitsScored[index] ?? 0;
    if (hits === 0 || weight === 0) continue;
    total += weight;
    shares.push({ share: (scores.cold[knob * scores.functionCount + index] ?? 0) / hits, weight });
  }
  shares.sort((a, b) => a.share - b.share);
  let seen = 0;
  for (const { share, weight } of shares) {
    seen += weight;
    if (seen >= upperQuartile * total) return share;
  }
  return undefined;
}

function quotient(theirs: number | undefined, ours: number | undefined): number | undefined {
  return theirs === undefined || ours === undefined || ours === 0 ? undefined : theirs / ours;
}
