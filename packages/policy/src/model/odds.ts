/** The small arithmetic of evidence. */

/** Log odds of a share seen so far, drawn to one in twenty while little is known. */
export function odds(hits: number, trials: number): number {
  return Math.log((hits + 0.05) / (Math.max(0, trials - hits) + 0.95));
}

/** Bits that are set. */
export function ones(bits: number): number {
  let v = bits - ((bits >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return (((v + (v >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
