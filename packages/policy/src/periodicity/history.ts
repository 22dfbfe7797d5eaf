/**
 * What is remembered of one function's calls: bounded, plain data, safe to write as JSON. A tick is a
 * group of calls that came together; the pattern is what has been learned from the ticks, or null.
 */

/** Calls this close to the first of a tick belong to it whatever the period: they need VMs at once. */
export const burstSpanMs = 250;
/** After so many windows in a row without a call a function is aperiodic again. */
export const missesMaxDefault = 4;
/** Ticks remembered: enough to tell a pattern under noise, few enough for a million functions. */
export const ticksMax = 48;
/** Hits remembered: the period, the phase and the count follow these. */
export const hitsMax = 16;
/** A pattern whose windows are hit less often than this is none any more. */
export const hitShareMin = 0.4;
/** Grain when nothing better is known: request logs, cron and traces count in minutes. */
export const grainDefaultMs = 60_000;

export interface Tick {
  /** First call of the tick. */
  readonly atMs: number;
  /** Calls in the tick, by weight. */
  readonly count: number;
}

/** A tick that came in its window. */
export interface Hit {
  /** Periods since the first hit. */
  readonly index: number;
  readonly atMs: number;
  /** Most calls at once. */
  readonly count: number;
}

/** A fixed period that the calls have been shown to follow. All its numbers follow the recent ticks. */
export interface Pattern {
  readonly periodMs: number;
  /** When the latest hit was due; the next tick is due one period later. */
  readonly dueAtMs: number;
  /** How far before and after its due time a tick counts as a hit. */
  readonly toleranceMs: number;
  /** Damped mean distance of ticks from a clock that beats through the recent hits. */
  readonly clockErrorMs: number;
  /** Damped mean distance of ticks from the previous tick plus a period; the smaller error predicts. */
  readonly stepErrorMs: number;
  /** The latest hits, oldest first. */
  readonly recent: readonly Hit[];
  /** Damped counts of windows that were hit, and of all windows. */
  readonly hitWeight: number;
  readonly windowWeight: number;
  /** Damped share of ticks that came inside a window, 0 to 1. */
  readonly coverage: number;
  /** Damped share of windows in which further ticks followed the first, 0 to 1. */
  readonly followShare: number;
  /** Windows hit and missed since the pattern was learned, to explain it. */
  readonly hits: number;
  readonly misses: number;
}

export interface History {
  /** Times below this are one instant to the observer; regularity finer than it proves nothing. */
  readonly grainMs: number;
  readonly ticks: readonly Tick[];
  /** Ticks since the beginning, remembered or not: the more were tried, the more proof is asked. */
  readonly ticksSeen: number;
  /** Calls since the beginning, by weight. */
  readonly callsSeen: number;
  readonly pattern: Pattern | null;
}

/**
 * An empty history. Where the keep-alive is known, a tenth of it is a good grain: regularity much finer
 * than the keep-alive saves little, and may stem from a clock upstream that counts in steps.
 */
export function createHistory(grainMs: number = grainDefaultMs): History {
  return { grainMs, ticks: [], ticksSeen: 0, callsSeen: 0, pattern: null };
}
