/**
 * What is remembered of one function's calls: bounded, plain data, safe to write as JSON. A tick is a
 * group of calls that came together; the pattern is what has been learned from the ticks, or null.
 */

/** Calls closer than this are one tick whatever the period: it is the spread of one burst. */
export const burstGapMs = 50;
/** Ticks remembered: enough for the statistics of one pattern, small enough for a million functions. */
export const ticksMax = 48;

export interface Tick {
  /** First call of the tick. */
  readonly atMs: number;
  /** Last call of the tick. */
  readonly untilMs: number;
  /** Calls in the tick, by weight. */
  readonly count: number;
}

/** A fixed period that the calls have been shown to follow. Its numbers follow the recent ticks. */
export interface Pattern {
  readonly periodMs: number;
  /** When the last tick was due; the next is due one period later. */
  readonly dueAtMs: number;
  /** How far before and after its due time a tick counts as a hit. */
  readonly toleranceMs: number;
  /** Mean distance of recent ticks from their due time. */
  readonly dispersionMs: number;
  /** Due ticks so far that came, and that did not, since the pattern was learned. */
  readonly hits: number;
  readonly misses: number;
  /** Damped share of recent due ticks that came, 0 to 1. */
  readonly hitShare: number;
  /** Damped share of recent calls that came inside a window, 0 to 1. */
  readonly coverage: number;
  /** Due ticks in a row that did not come, as of the last call. */
  readonly missesInRow: number;
}

export interface History {
  /** Times below this are one instant to the observer; regularity finer than it proves nothing. */
  readonly grainMs: number;
  readonly ticks: readonly Tick[];
  /** Ticks seen since the beginning, remembered or not: the more were tried, the more proof is asked. */
  readonly ticksSeen: number;
  /** Calls seen since the beginning, by weight. */
  readonly callsSeen: number;
  readonly pattern: Pattern | null;
}

/** Grain when nothing better is known: request logs, cron and traces count in minutes. */
export const grainDefaultMs = 60_000;

/**
 * An empty history. Give `keepAliveMs / 10` as the grain where the keep-alive is known: regularity much
 * finer than the keep-alive saves nothing, and may stem from a clock that counts in steps.
 */
export function createHistory(grainMs: number = grainDefaultMs): History {
  return { grainMs, ticks: [], ticksSeen: 0, callsSeen: 0, pattern: null };
}
