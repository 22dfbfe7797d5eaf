/**
 * Evidence from earlier rounds: whether calls came one, two, three periods ago, for the periods of the
 * calendar and the one found for the function, exactly then or close to it.
 */
import type { CallView } from "./call-view.ts";
import { odds } from "./odds.ts";

/** Calendar periods that are looked back by, in slots. */
const foldPeriods = [5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 10_080] as const;
const foldsMax = 8;
const foldFade = 0.75;
const foldReaches = [
  [30, 2],
  [60, 3],
  [120, 5],
  [180, 5],
  [240, 5],
  [360, 8],
  [480, 8],
  [720, 10],
] as const;
const dayReaches = [2, 10, 20] as const;

export function folds(view: CallView, slot: number, out: Float32Array, from: number): number {
  let i = from;
  for (const period of foldPeriods) {
    let weight = 0;
    let hits = 0;
    let nears = 0;
    let fade = 1;
    for (let k = 1; k <= foldsMax; k += 1) {
      const hit = view.hit(slot - k * period);
      if (hit < 0) break;
      weight += fade;
      hits += hit * fade;
      if (period >= 60) nears += (view.near(slot - k * period, 1) > 0 ? 1 : 0) * fade;
      fade *= foldFade;
    }
    out[i++] = odds(hits, weight);
    if (period >= 60) out[i++] = odds(nears, weight);
  }
  for (const period of [1440, 10_080]) {
    for (const reach of [5, 30]) {
      let weight = 0;
      let hits = 0;
      for (let k = 1; k <= 4; k += 1) {
        const near = view.near(slot - k * period, reach);
        if (near < 0) break;
        weight += 1;
        hits += near;
      }
      out[i++] = odds(hits, weight);
      if (reach === 5) out[i++] = weight;
    }
  }
  return i;
}

export function wideFolds(view: CallView, slot: number, out: Float32Array, from: number): number {
  let i = from;
  for (const [period, reach] of foldReaches) {
    let weight = 0;
    let hits = 0;
    let fade = 1;
    for (let k = 1; k <= foldsMax; k += 1) {
      const near = view.near(slot - k * period, reach);
      if (near < 0) break;
      weight += fade;
      hits += near * fade;
      fade *= foldFade;
    }
    out[i++] = odds(hits, weight);
  }
  for (const reach of dayReaches) {
    let weight = 0;
    let hits = 0;
    let fade = 1;
    for (let k = 1; k <= 7; k += 1) {
      const near = view.near(slot - k * 1440, reach);
      if (near < 0) break;
      weight += fade;
      hits += near * fade;
      fade *= 0.85;
    }
    out[i++] = odds(hits, weight);
  }
  return i;
}

export function periodic(view: CallView, slot: number, out: Float32Array, from: number): number {
  let i = from;
  const { period } = view.history;
  let seen = 0;
  let hits = 0;
  let nears = 0;
  if (period > 0)
    for (let k = 1; k <= 4; k += 1) {
      const hit = view.hit(slot - k * period);
      if (hit < 0) break;
      seen += 1;
      hits += hit;
      nears += view.near(slot - k * period, 1) > 0 ? 1 : 0;
    }
  out[i++] = Math.log(1 + period);
  out[i++] = odds(hits, seen);
  out[i++] = odds(nears, seen);
  return i;
}

/** The last round laid beside this one: what came around now, and what should have followed the last call. */
export function alignment(
  view: CallView,
  slot: number,
  period: number,
  out: Float32Array,
  from: number,
): number {
  let i = from;
  const oldest = view.times[view.count] ?? 0;
  const last = view.times[0] ?? 0;
  if (period < 20 || slot - period < oldest || last - period < oldest) {
    out.fill(0, i, i + 7);
    return i + 7;
  }
  const then = slot - period;
  const before = view.indexAtOrBefore(then);
  const sinceBefore = then - (view.times[before] ?? 0);
  const untilAfter = before > 0 ? (view.times[before - 1] ?? 0) - then : period;
  out[i++] = 1;
  out[i++] = Math.log(1 + sinceBefore);
  out[i++] = Math.log(1 + untilAfter);
  const anchorAt = view.indexAtOrBefore(last - period);
  const below = last - period - (view.times[anchorAt] ?? 0);
  const above = anchorAt > 0 ? (view.times[anchorAt - 1] ?? 0) - (last - period) : period;
  const anchor = above < below ? anchorAt - 1 : anchorAt;
  const shift = Math.min(below, above);
  const nextGap = anchor > 0 ? (view.times[anchor - 1] ?? 0) - (view.times[anchor] ?? 0) : period;
  const off = slot - last - nextGap;
  out[i++] = Math.log(1 + shift);
  out[i++] = Math.sign(off) * Math.log(1 + Math.abs(off));
  out[i++] = Math.abs(off) <= 2 ? 1 : 0;
  // Calls that the last round had between the anchor and now, and that have not come this time.
  out[i++] = Math.min(4, Math.max(0, anchor - before));
  return i;
}
