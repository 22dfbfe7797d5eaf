/**
 * How early the next call of a clock may come. It is as likely as any to be the earliest, so that the more calls
 * are known the less is left to doubt: all that are remembered are asked where they follow the same clock.
 */
import type { Tick } from "./history.ts";

/** An instant that the clock strikes at, and its period. */
export interface Beat {
  readonly atMs: number;
  readonly periodMs: number;
}

/** How far before the clock the earliest calls came, the second earliest, and the latest. */
export interface Edges {
  firstMs: number;
  secondMs: number;
  lastMs: number;
  count: number;
}

/** So likely a call comes before all that were seen and what is allowed for besides, if jitter has an end. */
const earlierChance = 0.03;
/** The earliest was so many times further from the second than the next will be from it, where jitter has a tail. */
const tailFactor = 1.5;
/** Calls that lie together as near as this all find a VM that has been ready for no longer than is asked. */
const readySpanMs = 8_500;
/** Of calls that lie further apart few more would, and it is not worth a cold start. */
const tightSpanMs = 2 * readySpanMs;
/** Calls of before belong to the same clock if they lie beside the recent ones by this share of their span at most. */
const besideShare = 0.5;

export function edgesOf(calls: readonly { readonly atMs: number }[], beat: Beat): Edges {
  const edges: Edges = { firstMs: -Infinity, secondMs: -Infinity, lastMs: Infinity, count: 0 };
  for (const { atMs } of calls) addCall(edges, beforeBeat(atMs, beat));
  return edges;
}

/** Adds the first of the ticks at each beat before `untilMs`, where it belongs to the same clock. */
export function addOlder(edges: Edges, ticks: readonly Tick[], untilMs: number, beat: Beat): void {
  const besideMs = besideShare * (edges.firstMs - edges.lastMs);
  const mostMs = edges.firstMs + besideMs;
  const leastMs = edges.lastMs - besideMs;
  let newest = -Infinity;
  for (const { atMs } of ticks) {
    if (atMs >= untilMs) break;
    const index = Math.round((atMs - beat.atMs) / beat.periodMs);
    const beforeMs = beforeBeat(atMs, beat);
    if (index === newest || beforeMs > mostMs || beforeMs < leastMs) continue;
    newest = index;
    addCall(edges, beforeMs);
  }
}

/** How far before the clock a call is to be expected; as far as may be where they lie far apart. */
export function earliest({ firstMs, secondMs, lastMs, count }: Edges): number {
  const spanMs = firstMs - lastMs;
  if (spanMs > tightSpanMs) return Infinity;
  const room = (1 / ((count + 1) * earlierChance)) ** (1 / Math.max(1, count - 1)) - 1;
  const spareMs = (readySpanMs - spanMs) / 2;
  return firstMs + Math.max(0, room * spanMs, tailFactor * (firstMs - secondMs), spareMs);
}

function beforeBeat(atMs: number, { atMs: beatMs, periodMs }: Beat): number {
  const sinceMs = atMs - beatMs;
  return Math.round(sinceMs / periodMs) * periodMs - sinceMs;
}

/** In place: this is done for each call that is remembered, at each call. */
function addCall(edges: Edges, beforeMs: number): void {
  edges.secondMs = Math.max(edges.secondMs, Math.min(edges.firstMs, beforeMs));
  edges.firstMs = Math.max(edges.firstMs, beforeMs);
  edges.lastMs = Math.min(edges.lastMs, beforeMs);
  edges.count += 1;
}
