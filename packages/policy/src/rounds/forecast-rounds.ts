/**
 * The next window of a function whose calls come again at the same times of an hour, a day or a week: when the
 * next of those times is, and how far beside it a call may come. A time that stayed empty for some rounds is none.
 */
import type { SlotMemory } from "../model/memory.ts";
import { beside } from "../periodicity/aim.ts";
import type { Forecast, History } from "../periodicity/index.ts";
import { findRounds, type Rounds } from "./find-rounds.ts";
import { Instants } from "./instants.ts";

/** A call counts less by this with each round that it lies back. */
const roundKept = 0.8;
/** Empty rounds that are held against each time. */
const doubt = 0.3;
/** A time has had so many calls, or one where one round alone is known. */
const hitsMin = 2;
/** Newest calls whose coming again tells how many do, and how exactly. */
const callsCompared = 32;
const coverageKept = 7 / 8;
/** The difference of two calls is wider than their own spread, and its largest than theirs. */
const spreadOfDifference = Math.SQRT1_2;
const largestOfDifference = 0.7;
/** What few differences may not show: so much, over their number and one. */
const unseenMs = 15_000;
/** After so many windows without a call, and a pause longer than any by so much, the rounds have ended. */
const missesMax = 8;
const pausesMax = 1.05;
const leastMs = 500;
const lateFactor = 2;

/** One view and one list serve all functions, one after the other. */
const instants = new Instants();
const dues = new Float64Array(instants.atMs.length * 4);

/** A time that calls come again at. */
interface Time {
  readonly atMs: number;
  /** From calls that are known to the millisecond. */
  readonly isExact: boolean;
  readonly earlyMs: number;
  readonly lateMs: number;
  readonly probability: number;
  readonly missesInRow: number;
  /** Of the earlier rounds. */
  readonly counts: readonly number[];
}

/** Times whose windows overlap. */
interface Window {
  readonly first: Time;
  readonly startAtMs: number;
  endAtMs: number;
  times: number;
}

/** How much a call's time differs from that of the round before. */
interface Errors {
  readonly spreadMs: number;
  readonly largestMs: number;
  readonly known: number;
}

/** Undefined for a function whose calls do not come again by more than chance. */
export function forecastRounds(
  history: History,
  memory: SlotMemory,
  nowMs: number,
): Forecast | undefined {
  const { found, errors, coverage, longestGapMs } = taken(history, memory);
  const [surest] = found;
  if (surest === undefined) return undefined;
  const newestMs = instants.at(0);
  let followUntilMs = newestMs;
  let missed = 0;
  for (const window of windows(found, errors, nowMs)) {
    const { first, startAtMs, endAtMs, times } = window;
    // It was called already, if by a little too early.
    if (newestMs >= startAtMs - first.earlyMs) {
      if (times > 1 && newestMs <= endAtMs) followUntilMs = endAtMs;
      continue;
    }
    if (missed >= missesMax && startAtMs - newestMs > pausesMax * longestGapMs) return undefined;
    if (endAtMs < nowMs) {
      missed += 1;
      continue;
    }
    const counts = first.counts.toSorted((a, b) => a - b);
    return {
      periodMs: surest.kind.periodMs,
      degree: first.probability,
      coverage,
      window: { startAtMs, endAtMs },
      expectedAtMs: first.atMs,
      followUntilMs,
      count: { median: quantile(counts, 0.5), upper: quantile(counts, 0.9) },
      followShare: followUntilMs > newestMs ? 1 : 0,
      isRound: true,
      evidence: {
        ticksSeen: history.ticksSeen,
        hits: surest.hits,
        misses: surest.trials - surest.hits,
        missesInRow: first.missesInRow,
        dispersionMs: errors.spreadMs,
      },
    };
  }
  return undefined;
}

interface Taken {
  readonly history: History;
  readonly memory: SlotMemory;
  readonly found: readonly Rounds[];
  readonly errors: Errors;
  readonly coverage: number;
  readonly longestGapMs: number;
}

let latest: Taken | undefined;

/** What follows from the calls whatever the moment; one plan asks for it several times. */
function taken(history: History, memory: SlotMemory): Taken {
  if (latest?.history === history && latest.memory === memory) return latest;
  instants.open(history.ticks, memory);
  const found = findRounds(instants, history.ticksSeen, history.grainMs);
  const errors = errorsOf(found);
  const coverage = coverageOf(found);
  const longestGapMs = found.length === 0 ? 0 : longestGap();
  latest = { history, memory, found, errors, coverage, longestGapMs };
  return latest;
}

/** Soonest first, from the one that the newest call may have come to. */
function* windows(
  found: readonly Rounds[],
  errors: Errors,
  nowMs: number,
): Generator<Window, undefined> {
  let open: Window | undefined;
  for (const dueMs of duesFrom(found, nowMs)) {
    if (open !== undefined && dueMs <= open.first.atMs + open.first.earlyMs) continue;
    const time = timeAt(found, dueMs, errors);
    if (time === undefined) continue;
    const startAtMs = time.atMs - time.earlyMs;
    const endAtMs = time.atMs + time.lateMs;
    if (open !== undefined && startAtMs <= open.endAtMs) {
      // A time that is known by its slot alone is the same as one that is known better.
      if (open.first.isExact && !time.isExact) continue;
      if (time.isExact && !open.first.isExact) {
        open = { first: time, startAtMs, endAtMs, times: 1 };
        continue;
      }
      if (startAtMs > open.first.atMs) open.times += 1;
      open.endAtMs = Math.max(open.endAtMs, endAtMs);
      continue;
    }
    if (open !== undefined) yield open;
    open = { first: time, startAtMs, endAtMs, times: 1 };
  }
  if (open !== undefined) yield open;
}

/** When each known call would come again, after the newest one and until a round from now. */
function duesFrom(found: readonly Rounds[], nowMs: number): Float64Array {
  const newestMs = instants.at(0);
  let count = 0;
  for (const { kind, reachMs } of found) {
    const { periodMs, roundsMissedMax } = kind;
    for (let i = 0; i < instants.count; i += 1) {
      const atMs = instants.at(i);
      if (newestMs - atMs > (roundsMissedMax + 2) * periodMs) break;
      const first = Math.max(1, Math.ceil((newestMs - reachMs - atMs) / periodMs));
      for (let rounds = first; rounds <= roundsMissedMax + 1; rounds += 1) {
        const dueMs = atMs + rounds * periodMs;
        if (dueMs > nowMs + periodMs || count === dues.length) break;
        dues[count] = dueMs;
        count += 1;
      }
    }
  }
  return dues.subarray(0, count).sort();
}

function longestGap(): number {
  let longest = 0;
  for (let i = 1; i < instants.count; i += 1)
    longest = Math.max(longest, instants.at(i - 1) - instants.at(i));
  return longest;
}

/** What earlier rounds had at that time; undefined where it is none that calls come again at. */
function timeAt(found: readonly Rounds[], dueMs: number, errors: Errors): Time | undefined {
  let best: Time | undefined;
  for (const rounds of found) {
    const time = timeOfRound(rounds, dueMs, errors);
    if (time === undefined) continue;
    // One kind may be surer of the call, another of its second.
    const sharper = best === undefined || time.earlyMs < best.earlyMs ? time : best;
    const probability = Math.max(time.probability, best?.probability ?? 0);
    best = { ...sharper, probability };
  }
  return best;
}

function timeOfRound({ kind, reachMs }: Rounds, dueMs: number, errors: Errors): Time | undefined {
  const { periodMs, roundsSeenMax, roundsMissedMax, outer = roundsSeenMax } = kind;
  let weight = 1;
  let known = 0;
  let hits = 0;
  let hitWeight = 0;
  let knownWeight = 0;
  let missesInRow = 0;
  let exact = 0;
  let exactMs = 0;
  let slotMs = 0;
  let outerKnown = 0;
  let outerHits = 0;
  let oldestHit = 0;
  const counts: number[] = [];
  for (let round = 1; round <= roundsSeenMax; round += 1) {
    weight *= roundKept;
    const thenMs = dueMs - round * periodMs;
    if (thenMs < instants.oldestMs - reachMs) break;
    const index = instants.nearest(thenMs, reachMs);
    known += 1;
    knownWeight += weight;
    if (round % outer === 0) outerKnown += 1;
    if (index < 0) {
      if (hits === 0) missesInRow += 1;
      continue;
    }
    hits += 1;
    hitWeight += weight;
    oldestHit = round;
    if (round % outer === 0) outerHits += 1;
    const againMs = instants.at(index) + round * periodMs - dueMs;
    if (index < instants.exactCount) {
      exact += 1;
      exactMs += againMs;
      counts.push(instants.countAt(index));
    } else slotMs += againMs;
  }
  if (hits < Math.min(hitsMin, known) || missesInRow > roundsMissedMax || hits === 0)
    return undefined;
  // Called on other days, then and before, and never on this day of the week.
  if (outerKnown >= 2 && outerHits === 0 && oldestHit > outer) return undefined;
  const besideMs = exact === 0 ? instants.slotBesideMs : Math.min(reachMs, aside(errors, exact));
  return {
    atMs: dueMs + (exact === 0 ? slotMs / hits : exactMs / exact),
    isExact: exact > 0,
    earlyMs: besideMs,
    lateMs: exact === 0 ? besideMs : besideMs * lateFactor,
    probability: hitWeight / (knownWeight + doubt),
    missesInRow,
    counts,
  };
}

/** How far a call may come beside the mean of so many. */
function aside({ spreadMs, largestMs, known }: Errors, of: number): number {
  const ahead = Math.sqrt(1 + 1 / of);
  const seenMs = beside(spreadMs * ahead, largestMs * ahead, known);
  return Math.max(leastMs, unseenMs / (known + 1), seenMs);
}

function errorsOf(found: readonly Rounds[]): Errors {
  let known = 0;
  let square = 0;
  let largest = 0;
  for (let i = 0; i < Math.min(callsCompared, instants.exactCount); i += 1)
    for (const { kind, reachMs } of found) {
      const thenMs = instants.at(i) - kind.periodMs;
      const index = instants.nearest(thenMs, reachMs);
      if (index < 0 || index >= instants.exactCount) continue;
      const error = Math.abs(instants.at(index) - thenMs);
      known += 1;
      square += error * error;
      largest = Math.max(largest, error);
      break;
    }
  return {
    spreadMs: Math.sqrt(square / Math.max(1, known)) * spreadOfDifference,
    largestMs: largest * largestOfDifference,
    known,
  };
}

/** Damped share of the newest calls that came when the rounds before them let one expect a call. */
function coverageOf(found: readonly Rounds[]): number {
  let weight = 1;
  let covered = 0;
  let seen = 0;
  const compared = found.length === 0 ? 0 : Math.min(callsCompared, instants.count);
  for (let i = 0; i < compared; i += 1) {
    const atMs = instants.at(i);
    let isKnown = false;
    let isExpected = false;
    for (const rounds of found) {
      if (atMs - rounds.kind.periodMs >= instants.oldestMs - rounds.reachMs) isKnown = true;
      isExpected ||= wasExpected(rounds, atMs);
    }
    if (!isKnown) break;
    seen += weight;
    if (isExpected) covered += weight;
    weight *= coverageKept;
  }
  return seen === 0 ? 0 : covered / seen;
}

/** Whether rounds before `atMs` had a call at that time, by the same rule as for times to come. */
function wasExpected({ kind, reachMs }: Rounds, atMs: number): boolean {
  let hits = 0;
  let known = 0;
  for (let round = 1; round <= kind.roundsSeenMax; round += 1) {
    const thenMs = atMs - round * kind.periodMs;
    if (thenMs < instants.oldestMs - reachMs) break;
    known += 1;
    if (instants.nearest(thenMs, reachMs) >= 0) hits += 1;
    if (hits === hitsMin) return true;
    if (hits === 0 && round > kind.roundsMissedMax) return false;
  }
  return hits > 0 && hits >= known;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 1;
}
