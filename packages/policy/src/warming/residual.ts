/**
 * How many calls that no forecast covered come within the time of one refill: a damped histogram over
 * recent refill windows. Shards publish theirs; together, as independent as they are, they convolve.
 */

export interface Residual {
  readonly windowMs: number;
  /** Start of the window being counted. */
  readonly startAtMs: number;
  /** Uncovered calls in it so far. */
  readonly current: number;
  /** Damped weight of past windows by their uncovered calls, rounded up; the last bin is "or more". */
  readonly bins: readonly number[];
}

/** Largest count that is told apart. */
export const residualCountMax = 64;

/** Remembers about five hundred windows: enough for the hundredth part of them to be seen. */
const damping = 511 / 512;

export function createResidual(windowMs: number, nowMs: number): Residual {
  return { windowMs, startAtMs: nowMs, current: 0, bins: [] };
}

/** `uncovered` calls came for which no VM waited: what the pool had to give. */
export function noteUncovered(residual: Residual, nowMs: number, uncovered: number): Residual {
  const open = advanceResidual(residual, nowMs);
  return { ...open, current: open.current + uncovered };
}

/** Closes the windows that have ended; call it before publishing. */
export function advanceResidual(residual: Residual, nowMs: number): Residual {
  const { windowMs, startAtMs, current, bins } = residual;
  const ended = Math.floor((nowMs - startAtMs) / windowMs);
  if (ended < 1) return residual;
  const kept = damping ** ended;
  const next = bins.map((weight) => weight * kept);
  // The first window to end holds what was counted; nobody came in those after it.
  const count = Math.min(residualCountMax, Math.ceil(current));
  while (next.length <= count) next.push(0);
  next[count] = (next[count] ?? 0) + damping ** (ended - 1);
  next[0] = (next[0] ?? 0) + (1 - damping ** (ended - 1)) / (1 - damping);
  return { windowMs, startAtMs: startAtMs + ended * windowMs, current: 0, bins: next };
}

/** Shares of windows by the sum of the shards' counts. */
export function addResiduals(residuals: readonly Pick<Residual, "bins">[]): readonly number[] {
  let sum: readonly number[] = [1];
  for (const { bins } of residuals) {
    const total = bins.reduce((a, b) => a + b, 0);
    if (total > 0) sum = convolve(sum, bins, total);
  }
  return sum;
}

/** Smallest count that at least this share of windows does not exceed; 0 without evidence. */
export function residualQuantile(bins: readonly number[], share: number): number {
  const total = bins.reduce((a, b) => a + b, 0);
  let seen = 0;
  for (const [count, weight] of bins.entries()) {
    seen += weight;
    if (seen >= share * total) return count;
  }
  return 0;
}

function convolve(a: readonly number[], b: readonly number[], total: number): number[] {
  const length = Math.min(residualCountMax + 1, a.length + b.length - 1);
  const sum = Array.from({ length }, () => 0);
  for (const [i, x] of a.entries())
    for (const [j, y] of b.entries()) {
      const count = Math.min(residualCountMax, i + j);
      sum[count] = (sum[count] ?? 0) + (x * y) / total;
    }
  return sum;
}
