/** Exponential backoff with full jitter: anywhere from nothing to a bound that doubles, so that many do not come at once. */

/** @param random 0 to 1 @param count 0 for the first wait */
export function fullJitterMs(
  count: number,
  { baseMs, maxMs }: { readonly baseMs: number; readonly maxMs: number },
  random: number,
): number {
  const bound = Math.min(maxMs, baseMs * 2 ** Math.min(count, 32));
  return Math.ceil(bound * random);
}
