/**
 * Which rows of a trace have a fixed period, read off the whole row: the yardstick for a replay's share of
 * predicted starts, so it knows nothing of the scheduler's own model. Pure.
 */

export interface FixedPeriod {
  readonly minutes: number;
}

/** Fewer calls say nothing: five to learn from, one to score. */
export const slotsMin = 6;
/** Of the gaps between calls, this share must be the period or a small multiple of it (a dropped tick). */
export const regularShareMin = 0.9;
/** And this share the period itself. */
export const plainShareMin = 0.7;
const multipleMax = 3;

/** @param minutes slots with calls, ascending */
export function findFixedPeriod(minutes: readonly number[]): FixedPeriod | undefined {
  if (minutes.length < slotsMin) return undefined;
  const gaps = minutes.slice(1).map((minute, index) => minute - (minutes[index] ?? 0));
  const period = median(gaps);
  // A slot is a minute wide: a gap is known to a minute, and a long period may jitter by a little more.
  const tolerance = period < 5 ? 0 : Math.max(1, 0.02 * period);
  const near = (gap: number, multiple: number): boolean =>
    Math.abs(gap - multiple * period) <= tolerance;
  let plain = 0;
  let regular = 0;
  for (const gap of gaps) {
    if (near(gap, 1)) plain += 1;
    const multiple = Math.round(gap / period);
    if (multiple >= 1 && multiple <= multipleMax && near(gap, multiple)) regular += 1;
  }
  const isFixed = plain / gaps.length >= plainShareMin && regular / gaps.length >= regularShareMin;
  return isFixed ? { minutes: period } : undefined;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
