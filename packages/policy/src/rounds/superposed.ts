/**
 * Several clocks in one function: what a fixed period leaves over may follow a period of its own, and what that
 * leaves over a third. Each clock is cut out of the ticks that are remembered where most of them lie together on
 * its dial, so that calls of the others that come near do not set it.
 */
import { detect } from "../periodicity/detect.ts";
import { forecast, type Forecast, type ForecastPolicy } from "../periodicity/forecast.ts";
import type { History, Pattern, Tick } from "../periodicity/history.ts";
import { learn } from "../periodicity/track.ts";

/** A period that covers more than this of the calls is alone. */
const coverageAlone = 0.98;
const clocksMax = 3;
/** A clock has so many of the ticks remembered. */
const ticksMin = 5;
/** A function with more calls for each beat of its clock has others that are not to be told apart. */
const callsABeatMax = 4;
/** Calls of one clock lie within this share of its period, and within so long. */
const arcShare = 0.05;
const arcMaxMs = 30_000;
/** A period this near to whole minutes is taken for them: its calls lie together then, or it is not. */
const wholeShare = 0.01;
const minuteMs = 60_000;
/** Periods that differ by less are one, at several times: rounds, or calls that follow one another. */
const alikeShare = 0.05;
/** Newest ticks that show what share of the calls all clocks cover. */
const ticksCompared = 16;
const coverageMin = 0.9;

/** One clock's ticks, as if it were alone. */
type Clock = History & { readonly pattern: Pattern };

/** Where on its dial a clock's calls lie. */
interface Dial {
  readonly periodMs: number;
  readonly middleMs: number;
  readonly arcMs: number;
}

interface Taken {
  readonly history: History;
  readonly clocks: readonly Clock[];
  readonly coverage: number;
}

/** The latest: one plan asks for it several times. */
let latest: Taken | undefined;

/** The next window of several clocks; undefined where there are not several that cover the calls. */
export function forecastSuperposed(
  history: History,
  nowMs: number,
  policy: ForecastPolicy,
): Forecast | undefined {
  const { pattern } = history;
  if (pattern === null || pattern.coverage > coverageAlone || isBusy(history, pattern.periodMs))
    return undefined;
  if (latest?.history !== history) latest = clocksOf(history, pattern.periodMs);
  const { clocks, coverage } = latest;
  if (clocks.length < 2 || coverage < Math.max(coverageMin, pattern.coverage)) return undefined;
  let next: Forecast | undefined;
  for (const clock of clocks) {
    const found = forecast(clock, nowMs, policy);
    if (found === undefined) continue;
    if (next === undefined || found.window.startAtMs < next.window.startAtMs) next = found;
  }
  if (next === undefined) return undefined;
  const { periodMs } = next;
  const periods = clocks.map(({ pattern: { periodMs: own } }) => own);
  return { ...next, coverage, besidesMs: periods.filter((own) => own !== periodMs) };
}

function clocksOf(history: History, firstPeriodMs: number): Taken {
  const { grainMs, ticksSeen, callsSeen, ticks } = history;
  const dials: Dial[] = [];
  let rest = ticks;
  let periodMs: number | undefined = firstPeriodMs;
  while (periodMs !== undefined && dials.length < clocksMax) {
    const dial = fullestArc(rest, periodMs);
    const left = rest.filter(({ atMs }) => Math.abs(besideOf(dial, atMs)) > dial.arcMs / 2);
    if (rest.length - left.length < ticksMin) break;
    if (dials.some((one) => isAlike(one.periodMs, dial.periodMs))) break;
    dials.push(dial);
    rest = left;
    periodMs = detect({ grainMs, ticks: rest, ticksSeen, callsSeen, pattern: null })?.periodMs;
  }
  if (dials.length < 2) return { history, clocks: [], coverage: 0 };
  const kept = dials.map((): Tick[] => []);
  let covered = 0;
  for (const [index, tick] of ticks.entries()) {
    const place = nearest(dials, tick.atMs);
    if (place < 0) continue;
    if (index >= ticks.length - ticksCompared) covered += 1;
    kept[place]?.push(tick);
  }
  const clocks = dials.map(({ periodMs: dialMs, arcMs }, place): Clock => {
    const own = kept[place] ?? [];
    const shown = { periodMs: dialMs, toleranceMs: arcMs, ticks: own.toReversed() };
    const pattern = learn({ ...shown, coverage: 1, isSpread: false, surprise: 0 }, grainMs);
    return { grainMs, ticks: own, ticksSeen, callsSeen, pattern };
  });
  const isWhole = kept.every((own) => own.length >= ticksMin);
  const coverage = isWhole ? covered / Math.min(ticksCompared, ticks.length) : 0;
  return { history, clocks, coverage };
}

function isBusy({ ticks }: History, periodMs: number): boolean {
  const spanMs = (ticks.at(-1)?.atMs ?? 0) - (ticks.at(0)?.atMs ?? 0);
  return ticks.length * periodMs > callsABeatMax * spanMs;
}

function isAlike(a: number, b: number): boolean {
  return Math.abs(a - b) <= alikeShare * Math.max(a, b);
}

/** The dial that a call at `atMs` lies nearest to the middle of; −1 for none. */
function nearest(dials: readonly Dial[], atMs: number): number {
  let place = -1;
  let leastMs = Number.POSITIVE_INFINITY;
  for (const [index, dial] of dials.entries()) {
    const asideMs = Math.abs(besideOf(dial, atMs));
    if (asideMs > dial.arcMs / 2 || asideMs >= leastMs) continue;
    place = index;
    leastMs = asideMs;
  }
  return place;
}

/** How far from the dial's middle, at most half a period either way. */
function besideOf({ periodMs, middleMs }: Dial, atMs: number): number {
  const sinceMs = atMs - middleMs;
  return sinceMs - Math.round(sinceMs / periodMs) * periodMs;
}

/** Where most of the ticks lie together on a dial of so long. */
function fullestArc(ticks: readonly Tick[], periodMs: number): Dial {
  const wholeMs = Math.round(periodMs / minuteMs) * minuteMs;
  const dialMs = Math.abs(wholeMs - periodMs) <= wholeShare * periodMs ? wholeMs : periodMs;
  const arcMs = Math.min(arcMaxMs, arcShare * dialMs);
  const originMs = ticks[0]?.atMs ?? 0;
  const phases = ticks.map(({ atMs }) => (atMs - originMs) % dialMs).sort((a, b) => a - b);
  let most = 0;
  let middleMs = originMs;
  for (let first = 0, end = 0; first < phases.length; first += 1) {
    const phase = phases[first] ?? 0;
    end = Math.max(end, first);
    while (end < first + phases.length && phaseAt(phases, end, dialMs) <= phase + arcMs) end += 1;
    if (end - first <= most) continue;
    most = end - first;
    middleMs = originMs + (phase + phaseAt(phases, end - 1, dialMs)) / 2;
  }
  return { periodMs: dialMs, arcMs, middleMs };
}

/** Beyond the last they begin anew, a round later. */
function phaseAt(phases: readonly number[], index: number, dialMs: number): number {
  const { length } = phases;
  return index < length ? (phases[index] ?? 0) : (phases[index - length] ?? 0) + dialMs;
}
