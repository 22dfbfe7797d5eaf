/**
 * Whether a function's calls come again an hour, a day or a week later, at whatever times they came: several
 * phases, hours of work, weekdays. Held against chance as a fixed period is: calls without memory at the rate
 * that is seen around those times would come again so often with a likelihood that is bounded.
 */
import { surprise } from "../periodicity/chance.ts";
import type { Instants } from "./instants.ts";

/** Calls that are looked for again, the newest of them. */
const callsTried = 48;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Rounds, and what belief each is given before anything is seen. */
const roundKinds: readonly RoundKind[] = [
  // Seven of its rounds are one more.
  { periodMs: dayMs, doubt: Math.log(2), roundsSeenMax: 14, roundsMissedMax: 3, outer: 7 },
  { periodMs: 7 * dayMs, doubt: Math.log(5), roundsSeenMax: 3, roundsMissedMax: 1 },
  { periodMs: hourMs, doubt: Math.log(5), roundsSeenMax: 7, roundsMissedMax: 2 },
];

/** How far beside its time a call may come again; a shorter reach says more. */
const reaches = [
  { reachMs: 10_000, doubt: Math.log(2) },
  { reachMs: 60_000, doubt: Math.log(3) },
  { reachMs: 300_000, doubt: Math.log(6) },
] as const;
/** Around a time its rate is taken from this share of the round on either side, and at least from so much. */
const aroundShare = 1 / 24;
const aroundLeastMs = 900_000;
/** Where others come so near, the nearest of them came again sooner than by chance: a shorter reach shows nothing. */
const besideMs = 60_000;
/** Share of the calls that came again at all. */
const hitShareMin = 0.4;

export interface RoundKind {
  readonly periodMs: number;
  /** Held against each kind before anything is seen, in nats. */
  readonly doubt: number;
  /** Rounds that are looked back by. */
  readonly roundsSeenMax: number;
  /** A time that was not called in more rounds in a row is none. */
  readonly roundsMissedMax: number;
  /** So many rounds ago it was the same day of the week. */
  readonly outer?: number;
}

export interface Rounds {
  readonly kind: RoundKind;
  readonly reachMs: number;
  readonly hits: number;
  readonly trials: number;
}

/** The chance of a false alarm is spent mostly on the first calls. */
function surpriseNeeded(ticksSeen: number): number {
  if (ticksSeen <= 3) return 6;
  if (ticksSeen <= 8) return 8.3;
  if (ticksSeen <= 16) return 9.5;
  return 13;
}

/** Those that chance does not explain. */
export function findRounds(instants: Instants, ticksSeen: number, grainMs: number): Rounds[] {
  const needed = surpriseNeeded(ticksSeen);
  const found: Rounds[] = [];
  for (const kind of roundKinds) {
    const look = lookAgain(instants, kind.periodMs);
    if (look === undefined) continue;
    const { trials, aroundSpanMs, restRate } = look;
    let most = needed;
    let rounds: Rounds | undefined;
    for (const { reachMs, doubt } of reaches) {
      let hits = 0;
      let chance = 0;
      for (let i = 0; i < trials; i += 1) {
        const isHit = (asideMs[i] ?? 0) <= reachMs;
        if (isHit) hits += 1;
        // The one that came again says nothing of how often others come.
        const own = isHit ? 1 : 0;
        const near = reachMs < besideMs ? ((beside[i] ?? 0) - own) / (2 * besideMs) : 0;
        const rate = Math.max(restRate, near, ((around[i] ?? 0) - own) / aroundSpanMs);
        chance += Math.min(1, rate * (2 * reachMs + grainMs));
      }
      if (hits < trials * hitShareMin) continue;
      const proof = surprise(hits, trials, chance / trials) - kind.doubt - doubt;
      if (proof < most) continue;
      most = proof;
      rounds = { kind, reachMs, hits, trials };
    }
    if (rounds !== undefined) found.push(rounds);
  }
  return found;
}

/** How far aside each of the newest calls came again, how many came around then, and right beside: filled anew by each look. */
const asideMs = new Float64Array(callsTried);
const around = new Float64Array(callsTried);
const beside = new Float64Array(callsTried);

interface Look {
  /** From so many of the newest calls a round back is known. */
  readonly trials: number;
  /** The stretch that `around` was counted over. */
  readonly aroundSpanMs: number;
  /** Calls a millisecond over all that is known. */
  readonly restRate: number;
}

/** Looks a round back from each of the newest calls, in one walk. @returns undefined where none of it is known */
function lookAgain(instants: Instants, periodMs: number): Look | undefined {
  const { count, oldestMs } = instants;
  const spanMs = instants.at(0) - oldestMs;
  const leastReachMs = reaches[0].reachMs;
  if (spanMs < periodMs - leastReachMs) return undefined;
  const aroundMs = Math.max(aroundLeastMs, aroundShare * periodMs);
  let after = 0; // the oldest later than the time looked at
  let from = 0;
  let to = 0;
  let nearFrom = 0;
  let nearTo = 0;
  let trials = 0;
  for (; trials < Math.min(callsTried, count); trials += 1) {
    const atMs = instants.at(trials) - periodMs;
    if (atMs < oldestMs - leastReachMs) break;
    while (after + 1 < count && instants.at(after + 1) > atMs) after += 1;
    while (to < count && instants.at(to) > atMs + aroundMs) to += 1;
    from = Math.max(from, to);
    while (from < count && instants.at(from) >= atMs - aroundMs) from += 1;
    around[trials] = from - to;
    while (nearTo < count && instants.at(nearTo) > atMs + besideMs) nearTo += 1;
    nearFrom = Math.max(nearFrom, nearTo);
    while (nearFrom < count && instants.at(nearFrom) >= atMs - besideMs) nearFrom += 1;
    beside[trials] = nearFrom - nearTo;
    asideMs[trials] = Math.min(
      instants.asideMs(after, atMs),
      after + 1 < count ? instants.asideMs(after + 1, atMs) : Number.POSITIVE_INFINITY,
    );
  }
  if (trials === 0) return undefined;
  return { trials, aroundSpanMs: 2 * aroundMs, restRate: count / spanMs };
}
