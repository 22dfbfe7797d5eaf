/**
 * The period by autocorrelation: the lag by which most recent slots with calls were followed by another,
 * against what their rate alone would give. Costs much, so it is done only as a history grows.
 */

/** Sought again when the history has grown by this factor. */
export const periodRefreshShare = 1.15;
const arrivalsMax = 96;
const lagMax = 3000;
const counts = new Uint16Array(lagMax + 2);

/** `times` newest first. Returns 0 when no lag stands out. */
export function findPeriod(times: Int32Array, known: number): number {
  const count = Math.min(arrivalsMax, known);
  if (count < 5) return 0;
  counts.fill(0);
  for (let i = 0; i < count; i += 1)
    for (let j = i + 1; j < count; j += 1) {
      const lag = (times[i] ?? 0) - (times[j] ?? 0);
      if (lag > lagMax) break;
      counts[lag] = (counts[lag] ?? 0) + 1;
    }
  const newest = times[0] ?? 0;
  const span = newest - (times[count - 1] ?? 0) + 1;
  const rate = count / span;
  let best = 0;
  let bestScore = 3;
  for (let lag = 2; lag <= Math.min(lagMax, span >> 1); lag += 1) {
    const exact = counts[lag] ?? 0;
    if (exact < 2) continue;
    const near = exact + 0.5 * ((counts[lag - 1] ?? 0) + (counts[lag + 1] ?? 0));
    const trials = count * (1 - lag / span);
    const expected = Math.max(0.05, trials * rate * 2);
    const score = ((near - expected) / Math.sqrt(expected)) * Math.sqrt(near / Math.max(1, trials));
    if (score > bestScore * 1.02) {
      bestScore = score;
      best = lag;
    }
  }
  return best;
}
