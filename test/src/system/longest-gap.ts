/** How long a caller, and so its machine, stood still. */

/** Between the beginnings of two calls. */
export function longestGapMs(calls: readonly { readonly atMs: number }[]): number {
  const begunAtMs = calls.map(({ atMs }) => atMs).toSorted((a, b) => a - b);
  const gapsMs = begunAtMs.slice(1).map((atMs, index) => atMs - (begunAtMs[index] ?? atMs));
  return Math.max(0, ...gapsMs);
}
