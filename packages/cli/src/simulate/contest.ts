/**
 * Holds policies against each other on one log: each over a sweep of its knob in slots of a minute, as the
 * published figures are made; and Tidepool's own beside the fixed keep-alive to the second.
 */
import { TidepoolError } from "@tidepool/common";
import {
  coldAt,
  curvePoints,
  figuresOf,
  frontier,
  joinScores,
  joinSimulation,
  keepAlivePerPrice,
  poolDemandAt,
  poolFigures,
  settingWithin,
  wasteAt,
} from "@tidepool/policy";
import type {
  CurvePoint,
  Figures,
  PoolDemand,
  PoolFigures,
  Simulation,
  SlotScores,
  Workload,
} from "@tidepool/policy";
import { partsOf, runTasks } from "./run-tasks.ts";
import { policyChoices } from "./task.ts";
import type { PolicyChoice, ScoreTask, SecondsTask } from "./task.ts";

export const keepAliveComparedS = 600;
/** Waste, as shares of the fixed keep-alive's, that the table has a column for. */
const wasteSharesOf = {
  /** Most calls find a VM that a ten-minute keep-alive left. */
  busy: [0.5, 0.8, 1, 1.2, 1.5, 2],
  /** Most calls come further apart than that: little and much waste differ by more. */
  sparse: [0.2, 0.5, 1, 2, 3.5],
} as const;

export interface Weighing {
  readonly baseline: { readonly cold: number; readonly waste: number; readonly loads: number };
  readonly policies: readonly PolicyCurve[];
  /** Of Tidepool's own policy; absent when it was not run. */
  readonly figures?: Figures;
}

export interface PolicyCurve {
  readonly choice: PolicyChoice;
  readonly name: string;
  /** Cold starts as a share of the baseline's, by the contest's `wasteShares`; null where the policy cannot go. */
  readonly coldShares: readonly (number | null)[];
  /** Waste, as a share of the baseline's, at which the policy has as few cold starts; null if never. */
  readonly wasteShare: number | null;
  /** At the dearest setting within the baseline's waste. */
  readonly pool: PoolDemand | null;
  readonly loadsShare: number | null;
  readonly points: readonly (CurvePoint & { readonly label: string })[];
  readonly frontier: readonly CurvePoint[];
}

export interface Contest {
  readonly functions: number;
  readonly calls: number;
  readonly slots: number;
  readonly scoreFromSlot: number;
  readonly priceS: number;
  readonly wasteShares: readonly number[];
  /** Absent when every function has weight 1. */
  readonly weighted?: Weighing;
  readonly distinct: Weighing;
  /** Generic VMs, each function once, at the dearest setting within the fixed keep-alive's waste. */
  readonly pool: { readonly fixed: PoolFigures; readonly learned?: PoolFigures };
  readonly seconds: { readonly fixed: Simulation; readonly learned: Simulation };
}

export interface ContestOptions {
  readonly choices: readonly PolicyChoice[];
  readonly priceS: number;
  readonly scoreFromSlot: number;
  readonly onProgress: (done: number, total: number) => void;
}

interface Scored {
  readonly choice: PolicyChoice;
  readonly scores: SlotScores;
}

/** @throws TidepoolError `invalid` when the scored part of the log has nothing to compare */
export async function runContest(workload: Workload, options: ContestOptions): Promise<Contest> {
  const { scoreFromSlot, priceS } = options;
  const { functions, slots } = workload;
  const { keepAliveKnob, hybridStandardKnob } = await import("@tidepool/bench/rivals");
  const fixedKnob = keepAliveKnob(keepAliveComparedS / 60);
  const chosen = policyChoices.filter(
    (choice) => choice === "fixed" || options.choices.includes(choice),
  );
  const parts = partsOf(workload);
  const progress = counted((chosen.length + 2) * functions.length, options.onProgress);

  const scoring = chosen.flatMap((choice) =>
    parts.map((part): ScoreTask => ({ kind: "score", choice, part, scoreFromSlot, priceS })),
  );
  const scores = await runTasks(scoring, progress);
  const scored = chosen.map((choice): Scored => ({
    choice,
    scores: joinScores(scores.filter((_, index) => scoring[index]?.choice === choice)),
  }));
  const scoresOf = (choice: PolicyChoice): SlotScores | undefined =>
    scored.find((one) => one.choice === choice)?.scores;
  const [fixed, own, hybrid] = [scoresOf("fixed"), scoresOf("learned"), scoresOf("hybrid")];
  const hitsScored = functions.map(
    (calls) => calls.slots.filter((slot) => slot >= scoreFromSlot).length,
  );
  const once = functions.map(() => 1);
  const baseline = fixed && curvePoints(fixed, once)[fixedKnob];
  if (fixed === undefined || baseline === undefined || baseline.cold * baseline.waste === 0)
    throw new TidepoolError(
      "invalid",
      `nothing to compare: from slot ${scoreFromSlot} to ${slots} the fixed keep-alive has no cold start; give a longer log or a smaller --score-from`,
    );
  const hits = hitsScored.reduce((sum, count) => sum + count, 0);
  const wasteShares = wasteSharesOf[baseline.cold * 2 > hits ? "sparse" : "busy"];
  const weigh = (weights: readonly number[]): Weighing => {
    const runs = { fixed, fixedKnob, hybridKnob: hybridStandardKnob, hitsScored };
    const rivals = hybrid === undefined ? runs : { ...runs, hybrid };
    return {
      ...compare(scored, weights, fixedKnob, wasteShares),
      ...(own === undefined ? {} : { figures: figuresOf({ ...rivals, own }, weights) }),
    };
  };

  const coldBy = async (choice: PolicyChoice, knob: number): Promise<PoolFigures> => {
    const tasks = parts.map((part) => {
      return { kind: "cold" as const, choice, knob, part, scoreFromSlot, priceS };
    });
    const cold = await runTasks(tasks, () => {});
    return poolFigures(cold.flat(), slots - scoreFromSlot);
  };
  const within = own && settingWithin(frontier(curvePoints(own, once)), baseline.waste);
  const pool = {
    fixed: await coldBy("fixed", fixedKnob),
    ...(within === undefined ? {} : { learned: await coldBy("learned", within.knob) }),
  };

  const runs = [
    { policy: "fixed", priceS: keepAliveComparedS / keepAlivePerPrice },
    { policy: "learned", priceS },
  ] as const;
  const inSeconds = runs.flatMap((run) =>
    parts.map((part): SecondsTask => ({ kind: "seconds", ...run, part, scoreFromSlot })),
  );
  const replayed = await runTasks(inSeconds, progress);
  const simulationOf = (policy: "fixed" | "learned"): Simulation =>
    joinSimulation(
      policy,
      replayed.filter((_, index) => inSeconds[index]?.policy === policy),
    );

  let calls = 0;
  for (const { counts } of functions) for (const count of counts) calls += count;
  const isWeighted = functions.some(({ weight }) => weight !== 1);
  return {
    functions: functions.length,
    calls,
    slots,
    scoreFromSlot,
    priceS,
    wasteShares,
    ...(isWeighted ? { weighted: weigh(functions.map(({ weight }) => weight)) } : {}),
    distinct: weigh(once),
    pool,
    seconds: { fixed: simulationOf("fixed"), learned: simulationOf("learned") },
  };
}

function compare(
  scored: readonly Scored[],
  weights: readonly number[],
  fixedKnob: number,
  wasteShares: readonly number[],
): Weighing {
  const curves = scored.map((one) => ({ ...one, points: curvePoints(one.scores, weights) }));
  const baseline = curves[0]?.points[fixedKnob];
  if (baseline === undefined) throw new RangeError("the fixed keep-alive comes first");
  const { cold, waste, loads } = baseline;
  return {
    baseline: { cold, waste, loads },
    policies: curves.map(({ choice, scores, points }) => {
      const best = frontier(points);
      const within = settingWithin(best, waste);
      return {
        choice,
        name: scores.policy,
        coldShares: wasteShares.map((share) => shareOf(coldAt(best, share * waste), cold)),
        wasteShare: shareOf(wasteAt(best, cold), waste),
        pool: within === undefined ? null : poolDemandAt(scores, within.knob),
        loadsShare: shareOf(within?.loads, loads),
        points: points.map((point) => ({ label: scores.knobs[point.knob] ?? "", ...point })),
        frontier: best,
      };
    }),
  };
}

function counted(
  total: number,
  onProgress: (done: number, total: number) => void,
): (more: number) => void {
  let done = 0;
  onProgress(done, total);
  return (more) => onProgress((done += more), total);
}

function shareOf(value: number | undefined, whole: number): number | null {
  return value === undefined ? null : value / whole;
}
