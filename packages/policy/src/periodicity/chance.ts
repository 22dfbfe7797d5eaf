/**
 * How likely chance alone would look periodic. The rival explanation is calls without memory at whatever
 * rate suits it best, on a clock of any step up to the grain: what survives it is not a busy function.
 */

/**
 * Largest probability, over all rates, that a memoryless gap ends within `toleranceMs` of `periodMs`.
 * No gap is shorter than `deadMs`, since calls closer than that were taken as one tick.
 */
export function gapChance(
  periodMs: number,
  toleranceMs: number,
  grainMs: number,
  deadMs: number,
): number {
  // A clock that steps by the grain shows a gap one step after the last instant it had not ended.
  const from = periodMs - deadMs - toleranceMs - grainMs;
  if (from <= 0) return 1;
  const ratio = 1 + (2 * toleranceMs + grainMs) / from;
  // The rate that makes this gap most likely: the maximum of exp(-from x) - exp(-to x).
  const x = Math.log(ratio) / (ratio - 1);
  return Math.exp(-x) - Math.exp(-x * ratio);
}

/**
 * The same on a clock of any step, judged by counts: if every step had been busy by chance, not every
 * tick would have had exactly `count` calls.
 */
export function countChance(count: number): number {
  if (count < 1) return 1;
  let probability = Math.exp(-count);
  for (let i = 1; i <= count; i += 1) probability *= count / i;
  return probability;
}

/** −ln of an upper bound (Chernoff) for at least `hits` of `trials` when each has the given chance. */
export function surprise(hits: number, trials: number, chance: number): number {
  if (trials <= 0 || chance >= 1) return 0;
  const share = hits / trials;
  if (share <= chance) return 0;
  const miss = share >= 1 ? 0 : (1 - share) * Math.log((1 - share) / (1 - chance));
  return trials * (share * Math.log(share / chance) + miss);
}
