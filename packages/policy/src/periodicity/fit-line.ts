/** Least squares through points in time that are numbered: the clock that beats nearest to them. */

export interface Line {
  readonly periodMs: number;
  dueAtMs(index: number): number;
}

export function fitLine(points: readonly { index: number; atMs: number }[]): Line {
  const originMs = points[0]?.atMs ?? 0;
  let meanIndex = 0;
  let meanMs = 0;
  for (const { index, atMs } of points) {
    meanIndex += index / points.length;
    meanMs += (atMs - originMs) / points.length;
  }
  let across = 0;
  let square = 0;
  for (const { index, atMs } of points) {
    across += (index - meanIndex) * (atMs - originMs - meanMs);
    square += (index - meanIndex) ** 2;
  }
  const periodMs = across / square;
  return { periodMs, dueAtMs: (index) => originMs + meanMs + (index - meanIndex) * periodMs };
}
