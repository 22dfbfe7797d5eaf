/** Calls made up, by seed: what a clock, several clocks, or chance would do. */
import { seededRandom } from "@tidepool/policy";

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
/** Not a round instant: nothing may rest on where the epoch lies. */
const startMs = 1_763_000_000_000 + 7_531_417;

const mondayMs = Date.UTC(2026, 1, 2);

export type Random = () => number;

/** How far from its tick a call comes, in milliseconds. */
export type Jitter = (random: Random) => number;

export const after =
  (mostMs: number): Jitter =>
  (random) =>
    random() * mostMs;
export const around =
  (mostMs: number): Jitter =>
  (random) =>
    (2 * random() - 1) * mostMs;
export const bell =
  (sigmaMs: number): Jitter =>
  (random) =>
    sigmaMs * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

export interface Clock {
  readonly periodMs: number;
  readonly jitter: Jitter;
  readonly ticks: number;
  /** Share of ticks without a call. */
  readonly dropped?: number;
  /** Of the clock itself, at each tick. */
  readonly driftMs?: number;
  /** Calls at a tick. */
  readonly count?: number;
  readonly phaseMs?: number;
  readonly fromMs?: number;
}

export function ticking(clock: Clock, seed: number): number[] {
  const { periodMs, jitter, ticks, dropped = 0, driftMs = 0, count = 1 } = clock;
  const random = seededRandom(seed * 7919 + 13);
  const phaseMs = clock.phaseMs ?? Math.floor(random() * periodMs);
  const calls: number[] = [];
  for (let tick = 0; tick < ticks; tick += 1) {
    const atMs = startMs + (clock.fromMs ?? 0) + phaseMs + tick * (periodMs + driftMs);
    const isDropped = random() < dropped;
    const callMs = Math.round(atMs + jitter(random));
    if (!isDropped) for (let n = 0; n < count; n += 1) calls.push(callMs);
  }
  return calls.toSorted((a, b) => a - b);
}

/** Calls at times of the day, each so often at once. */
export interface Timetable {
  /** Minutes after midnight. */
  readonly times: readonly number[];
  readonly days: number;
  readonly jitter: Jitter;
  /** By the day's number, which begins with a Monday; every day where absent. */
  readonly isOn?: (day: number) => boolean;
  readonly count?: number;
}

/** A second of the minute of its own, the same at all times. */
export function timetabled(table: Timetable, seed: number): number[] {
  const { times, days, jitter, isOn = () => true, count = 1 } = table;
  const random = seededRandom(seed * 7919 + 13);
  const secondMs = Math.floor(random() * 60) * 1_000;
  const calls: number[] = [];
  for (let day = 0; day < days; day += 1) {
    if (!isOn(day)) continue;
    for (const minute of times) {
      const atMs = mondayMs + day * 24 * hourMs + minute * minuteMs + secondMs;
      const callMs = Math.round(atMs + jitter(random));
      for (let n = 0; n < count; n += 1) calls.push(callMs);
    }
  }
  return calls.toSorted((a, b) => a - b);
}

/** Calls without memory. */
export function poisson(meanMs: number, count: number, seed: number): number[] {
  const random = seededRandom(seed * 7919 + 13);
  let atMs = startMs;
  return Array.from({ length: count }, () => {
    atMs += -Math.log(1 - random()) * meanMs;
    return Math.floor(atMs);
  });
}
