/**
 * Evidence from the gaps between calls: of the gaps at least as long as the present one, the share that
 * ended here, or close to here; and the same for two and three gaps together.
 */
import type { CallView } from "./call-view.ts";
import { odds } from "./odds.ts";

export function hazards(view: CallView, slot: number, out: Float32Array, from: number): number {
  const { gaps } = view;
  const n = view.count;
  const age = slot - (view.times[0] ?? 0);
  const tenth = Math.max(1, Math.floor(age * 0.1));
  let atLeast = 0;
  let exact = 0;
  let atLeast1 = 0;
  let near1 = 0;
  let atLeast10 = 0;
  let near10 = 0;
  let weighted = 0;
  let weightedHit = 0;
  let fade = 1;
  let recent = 0;
  let recentHit = 0;
  let recentNear = 0;
  let soon = 0;
  for (let i = 0; i < n; i += 1) {
    const gap = gaps[i] ?? 0;
    if (gap >= age - tenth) {
      atLeast10 += 1;
      if (gap <= age + tenth) near10 += 1;
      if (gap >= age - 1) {
        atLeast1 += 1;
        if (gap <= age + 1) near1 += 1;
        if (i < 8 && gap <= age + 1) recentNear += 1;
        if (gap >= age) {
          atLeast += 1;
          weighted += fade;
          if (i < 8) recent += 1;
          if (gap < age + 5) soon += 1;
          if (gap === age) {
            exact += 1;
            weightedHit += fade;
            if (i < 8) recentHit += 1;
          }
        }
      }
    }
    fade *= 0.94;
  }
  let i = from;
  out[i++] = odds(exact, atLeast);
  out[i++] = odds(near1 / 3, atLeast1);
  out[i++] = odds(near10 / (2 * tenth + 1), atLeast10);
  out[i++] = odds(soon / 5, atLeast);
  out[i++] = Math.log(1 + atLeast);
  out[i++] = n === 0 ? 0.5 : atLeast / n;
  out[i++] = odds(weightedHit, weighted);
  out[i++] = Math.log(1 + weighted);
  out[i++] = odds(recentHit, recent);
  out[i++] = odds(recentNear / 3, recent);
  out[i++] = n === 0 ? 0.5 : recent / Math.min(8, n);
  return i;
}

export function wideHazards(view: CallView, slot: number, out: Float32Array, from: number): number {
  const { gaps } = view;
  const age = slot - (view.times[0] ?? 0);
  let i = from;
  for (const reach of [2, 4, 8]) {
    let atLeast = 0;
    let near = 0;
    let fade = 1;
    for (let j = 0; j < view.count; j += 1) {
      const gap = gaps[j] ?? 0;
      if (gap >= age - reach) {
        atLeast += fade;
        if (gap <= age + reach) near += fade;
      }
      fade *= 0.98;
    }
    out[i++] = odds(near / (2 * reach + 1), atLeast);
  }
  return i;
}

/** The hazard of two gaps together, and of three, since the call before the last and the one before. */
export function sums(view: CallView, slot: number, out: Float32Array, from: number): number {
  const { times } = view;
  let i = from;
  for (let order = 1; order <= 2; order += 1) {
    if (view.count <= order) {
      out.fill(-3, i, i + 3);
      i += 3;
      continue;
    }
    const age = slot - (times[order] ?? 0);
    const least = (times[0] ?? 0) - (times[order] ?? 0);
    const tenth = Math.max(1, Math.floor(age * 0.1));
    let atLeast = 0;
    let exact = 0;
    let near = 0;
    let wide = 0;
    for (let j = 0; j + order < view.count; j += 1) {
      const span = (times[j] ?? 0) - (times[j + order + 1] ?? 0);
      if (span <= least) continue;
      if (span >= age) atLeast += 1;
      const off = Math.abs(span - age);
      if (off === 0) exact += 1;
      if (off <= 1) near += 1;
      if (off <= tenth) wide += 1;
    }
    out[i++] = odds(exact, Math.max(atLeast, exact));
    out[i++] = odds(near / 3, Math.max(atLeast, near));
    out[i++] = odds(wide / (2 * tenth + 1), Math.max(atLeast, wide));
  }
  return i;
}

/** As followers, but gaps are alike that differ by a sixth: for schedules with much jitter. */
export function looseFollowers(
  view: CallView,
  slot: number,
  out: Float32Array,
  from: number,
): number {
  const age = slot - (view.times[0] ?? 0);
  const { gaps } = view;
  const tenth = Math.max(2, Math.floor(age * 0.1));
  let i = from;
  for (let order = 1; order <= 2; order += 1) {
    let atLeast = 0;
    let near = 0;
    let wide = 0;
    for (let j = 1; j + order - 1 < view.count; j += 1) {
      if (!looselyAlike(gaps[j] ?? 0, gaps[0] ?? 0)) continue;
      if (order === 2 && !looselyAlike(gaps[j + 1] ?? 0, gaps[1] ?? 0)) continue;
      const next = gaps[j - 1] ?? 0;
      if (next >= age) atLeast += 1;
      const off = Math.abs(next - age);
      if (off <= 1) near += 1;
      if (off <= tenth) wide += 1;
    }
    out[i++] = odds(near / 3, Math.max(atLeast, near));
    out[i++] = odds(wide / (2 * tenth + 1), Math.max(atLeast, wide));
    out[i++] = Math.log(1 + atLeast);
  }
  return i;
}

function looselyAlike(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1 + Math.min(a, b) / 6;
}
