/** Least squares through points in time that are numbered: the clock that beats nearest to them. */

export class Line {
  readonly periodMs: number;
  private readonly middleMs: number;
  private readonly middleIndex: number;

  constructor(periodMs: number, middleMs: number, middleIndex: number) {
    this.periodMs = periodMs;
    this.middleMs = middleMs;
    this.middleIndex = middleIndex;
  }

  dueAtMs(index: number): number {
    return this.middleMs + (index - this.middleIndex) * this.periodMs;
  }
}

/** Through the first `count` of them. */
export function fitLine(
  points: readonly { readonly index: number; readonly atMs: number }[],
  count = points.length,
): Line {
  const originMs = points[0]?.atMs ?? 0;
  let meanIndex = 0;
  let meanMs = 0;
  for (let i = 0; i < count; i += 1) {
    const point = points[i];
    if (point === undefined) break;
    meanIndex += point.index / count;
    meanMs += (point.atMs - originMs) / count;
  }
  let across = 0;
  let square = 0;
  for (let i = 0; i < count; i += 1) {
    const point = points[i];
    if (point === undefined) break;
    across += (point.index - meanIndex) * (point.atMs - originMs - meanMs);
    square += (point.index - meanIndex) ** 2;
  }
  return new Line(across / square, originMs + meanMs, meanIndex);
}
