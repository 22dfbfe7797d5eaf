/**
 * The live policy on calls that are made up: clocks that waver, drift, drop ticks, change and end, several at
 * once, and calls of chance. One VM takes its time to be ready as a simulated host's does. The same seeds give the
 * same figures; `BENCH_SEEDS` draws more or fewer of each case, `BENCH_CHANCE_SEEDS` of the calls of chance.
 */
import { planPolicyDefault, policyNamed, replayFunction, seededRandom } from "@tidepool/policy";
import type { Claim, Report } from "../report.ts";
import { after, around, bell, minuteMs, poisson, ticking, timetabled } from "./calls.ts";
import type { Jitter, Timetable } from "./calls.ts";

const policy = policyNamed(process.env["BENCH_POLICY"] ?? "learned");
const settings = planPolicyDefault;
const seeds = Number(process.env["BENCH_SEEDS"] ?? "20");
const chanceSeeds = Number(process.env["BENCH_CHANCE_SEEDS"] ?? "10000");
const prepareMs = 700;
const callMs = 300;
const periodsMs = [15, 20, 30, 45, 60, 90, 120].map((minutes) => minutes * minuteMs);
/** Calls that are history only. */
const learnedFrom = 6;
const ticks = 66;
const readyMs = { least: 1_000, most: 10_000 } as const;
const readySeconds = (readyMs.most - readyMs.least) / 1_000;
const jitterMostSeconds = 15;

/** Sums over replays. */
interface Sums {
  calls: number;
  cold: number;
  idleMs: number;
  loads: number;
  predicted: number;
  ready: number;
}

type Make = (periodMs: number, seed: number) => readonly number[];

export function benchSynthetic(): Promise<Report> {
  const claims: Claim[] = [
    ...figures(`0 to ${jitterMostSeconds} s of jitter, drawn`, drawn(0), {
      cold: 1,
      idle: 60,
      ready: 95,
      readyPossible:
        ((1 + Math.log(jitterMostSeconds / readySeconds)) * readySeconds) / jitterMostSeconds,
    }),
    ...[0, 1, 2, 5, 8, 10, jitterMostSeconds].flatMap((seconds) => jittered(seconds)),
    ...figures("5 s before or after", clock({ jitter: around(5_000) }), { cold: 1, idle: 60 }),
    ...figures("bell of 4 s", clock({ jitter: bell(4_000) }), { cold: 2, idle: 60 }),
    ...figures("a tick in five dropped, 0 to 15 s", drawn(0.2), { cold: 5, idle: 60 }),
    ...figures("clock slow by 3 s a tick", clock({ jitter: after(2_000), driftMs: 3_000 }), {
      cold: 1,
      idle: 60,
      ready: 95,
    }),
    ...figures("4 calls at a tick", bursts, { cold: 1, idle: 60, ready: 95 }),
    ...figures(
      "every minute",
      (_, seed) => ticking({ periodMs: minuteMs, jitter: after(500), ticks: 400 }, seed),
      {
        cold: 1,
        idle: 66,
        loads: 0.05,
      },
    ),
    ...figures("another period, from the sixth call on", changed, { cold: 10, idle: 120 }),
    ...timetables.flatMap(({ what, from, table }) =>
      figures(what, (_, seed) => timetabled(table, seed), { cold: 1, idle: 60 }, from),
    ),
    ...figures("two clocks, of the period and of thrice it", twoClocks, { cold: 1, idle: 60 }),
    ...figures("two clocks, of the period and of 1.65 times it", unrelatedClocks, {
      cold: 1,
      idle: 60,
    }),
    afterTheEnd(),
    calledPeriodic(),
  ];
  const title = `calls made up, policy '${policy.name}', ${seeds} seeds of each of ${periodsMs.length} periods from 15 to 120 minutes`;
  return Promise.resolve({ title, accelerator: "none", rows: [], claims });
}

function jittered(seconds: number): Claim[] {
  const make = clock({ jitter: after(seconds * 1_000) });
  const readyPossible = readySeconds / seconds;
  return figures(`${seconds} s of jitter`, make, { cold: 1, idle: 60, ready: 95, readyPossible });
}

function clock(parts: Omit<Parameters<typeof ticking>[0], "periodMs" | "ticks">): Make {
  return (periodMs, seed) => ticking({ periodMs, ticks, ...parts }, seed);
}

/** Each with a jitter of its own, up to 15 s. */
function drawn(dropped: number): Make {
  return (periodMs, seed) => {
    const mostMs = seededRandom(seed)() * jitterMostSeconds * 1_000;
    return ticking({ periodMs, jitter: after(mostMs), ticks, dropped }, seed);
  };
}

function bursts(periodMs: number, seed: number): readonly number[] {
  return ticking({ periodMs, ticks, jitter: after(2_000), count: 4 }, seed);
}

/** A clock, and after it one of another period; the calls of the first are not scored. */
function changed(periodMs: number, seed: number): readonly number[] {
  const before = ticking(
    { periodMs: periodMs * 0.6, jitter: after(2_000), ticks: 30, phaseMs: 0 },
    seed,
  );
  const fromMs = 30 * periodMs * 0.6;
  return [...before, ...ticking({ periodMs, jitter: after(2_000), ticks, phaseMs: fromMs }, seed)];
}

const jitter = after(5_000);
const phases = [9 * 60, 9 * 60 + 20, 10 * 60];
const isWorkday = (day: number): boolean => day % 7 < 5;
const every = (minutes: number, from: number, to: number): number[] =>
  Array.from({ length: Math.floor((to - from) / minutes) + 1 }, (_, n) => from + n * minutes);

/** Several times a day, or on some days only; `from` is the first call that counts. */
const timetables: readonly { what: string; from: number; table: Timetable }[] = [
  {
    what: "09:00, 09:20 and 10:00, from the third day on",
    from: 6,
    table: { times: phases, days: 21, jitter },
  },
  {
    what: "the same, 4 calls at a time",
    from: 24,
    table: { times: phases, days: 21, jitter, count: 4 },
  },
  {
    what: "08:30, 12:00 and 17:45 on weekdays, from the third day on",
    from: 6,
    table: { times: [510, 720, 1065], days: 35, jitter, isOn: isWorkday },
  },
  { what: "02:13, from the fourth day on", from: 3, table: { times: [133], days: 28, jitter } },
  {
    what: "every 20 minutes from 9 to 17, from the fourth day on",
    from: 75,
    table: { times: every(20, 540, 1020), days: 14, jitter },
  },
  {
    what: "on Mondays at three times, from the third week on",
    from: 6,
    table: { times: phases, days: 70, jitter, isOn: (day) => day % 7 === 0 },
  },
  {
    what: "on Mondays at one time, from the fourth week on",
    from: 3,
    table: { times: [540], days: 182, jitter, isOn: (day) => day % 7 === 0 },
  },
  {
    what: "at 0 and 20 past each hour, from the second day on",
    from: 48,
    table: { times: every(60, 0, 1439).flatMap((at) => [at, at + 20]), days: 7, jitter },
  },
  {
    what: "every 15 minutes, and at 7 past each hour, from the second day on",
    from: 120,
    table: {
      times: [...every(15, 0, 1439), ...every(60, 7, 1439)],
      days: 4,
      jitter,
    },
  },
];

function twoClocks(periodMs: number, seed: number): readonly number[] {
  return withClock(periodMs, 3 * periodMs, after(2_000), seed);
}

/** Of 20 and 33 minutes, say. */
function unrelatedClocks(periodMs: number, seed: number): readonly number[] {
  const otherMs = Math.round((1.65 * periodMs) / minuteMs) * minuteMs;
  return withClock(periodMs, otherMs, jitter, seed);
}

function withClock(periodMs: number, otherMs: number, late: Jitter, seed: number): number[] {
  const one = ticking({ periodMs, jitter: late, ticks: 120, phaseMs: 0 }, seed);
  const two = ticking(
    {
      periodMs: otherMs,
      jitter: late,
      ticks: Math.floor((120 * periodMs) / otherMs),
      phaseMs: Math.round(periodMs * 0.4),
    },
    seed + 1,
  );
  return [...one, ...two].toSorted((a, b) => a - b);
}

const scoredFrom = new Map<Make, number>([
  [bursts, 4 * learnedFrom],
  [changed, 36],
  [twoClocks, 40],
  [unrelatedClocks, 60],
]);

interface Asked {
  readonly cold: number;
  readonly idle: number;
  readonly ready?: number;
  /** Calls spread over more than the time from the least to the most cannot all find one VM ready for so long. */
  readonly readyPossible?: number;
  readonly loads?: number;
}

function figures(
  what: string,
  make: Make,
  asked: Asked,
  scoreFrom = scoredFrom.get(make) ?? learnedFrom,
): Claim[] {
  const sums: Sums = { calls: 0, cold: 0, idleMs: 0, loads: 0, predicted: 0, ready: 0 };
  for (const periodMs of periodsMs)
    for (let seed = 1; seed <= seeds; seed += 1)
      replay(make(periodMs, seed * 131 + periodMs / minuteMs), scoreFrom, sums);
  const { calls, cold, idleMs, loads, predicted, ready } = sums;
  const claims: Claim[] = [
    {
      what: `${what}: cold`,
      value: (100 * cold) / calls,
      unit: "%",
      bound: { atMost: asked.cold },
    },
    {
      what: `${what}: idle VM-seconds a call`,
      value: idleMs / calls / 1_000,
      unit: "s",
      bound: { atMost: asked.idle },
    },
  ];
  const { readyPossible = 1 } = asked;
  const most =
    readyPossible < 1 ? `, of which one VM can have ${(100 * readyPossible).toFixed(0)} %` : "";
  if (asked.ready !== undefined)
    claims.push({
      what: `${what}: VM ready 1 to 10 s before predicted calls${most}`,
      value: (100 * ready) / predicted,
      unit: "%",
      bound: { atLeast: asked.ready },
    });
  if (asked.loads !== undefined)
    claims.push({
      what: `${what}: loads a call`,
      value: loads / calls,
      unit: "",
      bound: { atMost: asked.loads },
    });
  return claims;
}

function replay(callsAtMs: readonly number[], scoreFrom: number, sums: Sums): void {
  const found = replayFunction(callsAtMs, {
    policy,
    settings,
    prepareMs,
    callMs,
    scoreFromMs: callsAtMs[scoreFrom] ?? 0,
    untilMs: (callsAtMs.at(-1) ?? 0) + 1,
    onStart: (start, _, waitedMs) => {
      if (start !== "predicted") return;
      sums.predicted += 1;
      if (waitedMs >= readyMs.least && waitedMs <= readyMs.most) sums.ready += 1;
    },
  });
  sums.calls += found.calls;
  sums.cold += found.cold;
  sums.idleMs += found.idleVmMs;
  sums.loads += found.loads;
}

/** What is waited for nobody when a clock stops, beside the keep-alive that a fixed one would have spent. */
function afterTheEnd(): Claim {
  let idleMs = 0;
  for (const periodMs of periodsMs)
    for (let seed = 1; seed <= seeds; seed += 1) {
      const calls = ticking({ periodMs, jitter: after(5_000), ticks: 30 }, seed);
      const lastMs = (calls.at(-1) ?? 0) + 1;
      const untilMs = lastMs + 40 * periodMs;
      const spent = (scoreFromMs: number): number =>
        replayFunction(calls, { policy, settings, prepareMs, callMs, scoreFromMs, untilMs })
          .idleVmMs;
      idleMs += spent(lastMs);
    }
  const each = idleMs / (periodsMs.length * seeds * 1_000);
  const atMost = settings.keepAliveMs / 1_000;
  return {
    what: "a clock that stops: idle after its last call",
    value: each,
    unit: "VM-seconds",
    bound: { atMost },
  };
}

/** Whether any of its first 40 calls is said to follow from those before. */
function calledPeriodic(): Claim {
  let found = 0;
  for (let seed = 0; seed < chanceSeeds; seed += 1) {
    const meanMs = ([8, 20, 60][seed % 3] ?? 1) * minuteMs;
    let record = policy.createRecord(settings);
    for (const atMs of poisson(meanMs, 40, seed)) {
      record = policy.noteArrival(record, settings, atMs);
      if (policy.decide(record, settings, { idleVmCount: 0 }, atMs).degree === 0) continue;
      found += 1;
      break;
    }
  }
  const what = `calls of chance called periodic, ${chanceSeeds} seeds`;
  return { what, value: (100 * found) / chanceSeeds, unit: "%", bound: { atMost: 1 } };
}
