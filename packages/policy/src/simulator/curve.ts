/** A policy's curve of cold starts against waste, read at any waste between its settings. */
import { poolDemand, type PoolDemand } from "./pool.ts";
import type { SlotScores } from "./slot-score.ts";

export interface CurvePoint {
  readonly knob: number;
  readonly waste: number;
  readonly cold: number;
  readonly loads: number;
}

/** Sums over functions by weight, one point a knob. */
export function curvePoints(scores: SlotScores, weights: readonly number[]): CurvePoint[] {
  return scores.knobs.map((_, knob) => {
    const point = { knob, waste: 0, cold: 0, loads: 0 };
    for (const [index, weight] of weights.entries()) {
      const at = knob * scores.functionCount + index;
      point.waste += weight * (scores.waste[at] ?? 0);
      point.cold += weight * (scores.cold[at] ?? 0);
      point.loads += weight * (scores.loads[at] ?? 0);
    }
    return point;
  });
}

/** The settings that no other beats in both, by rising waste. */
export function frontier(all: readonly CurvePoint[]): CurvePoint[] {
  const sorted = all.toSorted((a, b) => a.waste - b.waste || a.cold - b.cold);
  const kept: CurvePoint[] = [];
  for (const point of sorted) {
    const last = kept.at(-1);
    if (last === undefined || point.cold < last.cold) kept.push(point);
  }
  return kept;
}

/** Cold starts at `waste`, between settings by a straight line; undefined below the cheapest setting. */
export function coldAt(curve: readonly CurvePoint[], waste: number): number | undefined {
  const after = curve.findIndex((point) => point.waste >= waste);
  // More may be wasted than the dearest setting does; it has no fewer cold starts for it.
  if (after < 0) return curve.at(-1)?.cold;
  return between(curve[after - 1], curve[after], "waste", "cold", waste);
}

/** Waste at which there are as few cold starts as `cold`; undefined when no setting has so few. */
export function wasteAt(curve: readonly CurvePoint[], cold: number): number | undefined {
  const after = curve.findIndex((point) => point.cold <= cold);
  if (after === 0) return curve[0]?.waste;
  return between(curve[after - 1], curve[after], "cold", "waste", cold);
}

/** The dearest setting that stays within `waste`. */
export function settingWithin(curve: readonly CurvePoint[], waste: number): CurvePoint | undefined {
  return curve.findLast((point) => point.waste <= waste);
}

export function poolDemandAt(scores: SlotScores, knob: number): PoolDemand {
  return poolDemand(scores.coldBySlot[knob] ?? []);
}

function between(
  a: CurvePoint | undefined,
  b: CurvePoint | undefined,
  along: "waste" | "cold",
  wanted: "waste" | "cold",
  at: number,
): number | undefined {
  if (b === undefined) return undefined;
  if (b[along] === at) return b[wanted];
  if (a === undefined) return undefined;
  return a[wanted] + ((b[wanted] - a[wanted]) * (at - a[along])) / (b[along] - a[along]);
}
