/**
 * Holds policies against each other on one log: each over a sweep of its knob in slots of a minute, as the
 * published figures are made; and Tidepool's own beside the fixed keep-alive to the second. Pure.
 */
import { TidepoolError } from "@tidepool/common";
import {
  coldAt,
  curvePoints,
  frontier,
  planPolicyDefault,
  policies,
  policyOnSlots,
  poolDemandAt,
  scoreSlots,
  settingWithin,
  simulate,
  wasteAt,
} from "@tidepool/policy";
import type { CurvePoint, PoolDemand, Simulation, SlotPolicy, Workload } from "@tidepool/policy";

export const policyChoices = ["fixed", "learned", "hybrid", "fft", "clairvoyant"] as const;
export type PolicyChoice = (typeof policyChoices)[number];

export const keepAliveComparedS = 600;
/** Waste, as shares of the fixed keep-alive's, that the table has a column for. */
export const wasteShares = [0.5, 0.8, 1, 1.2, 1.5, 2] as const;
/** Prices of a cold start, in seconds of an idle VM, that the curve is drawn over. */
const pricesS = [60, 120, 300, 600, 900, 1200, 1800, 3600] as const;
const callMs = 100;

export interface Weighing {
  readonly baseline: { readonly cold: number; readonly waste: number; readonly loads: number };
  readonly policies: readonly PolicyCurve[];
}

export interface PolicyCurve {
  readonly choice: PolicyChoice;
  readonly name: string;
  /** Cold starts as a share of the baseline's, by `wasteShares`; null where the policy cannot go. */
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
  /** Absent when every function has weight 1. */
  readonly weighted?: Weighing;
  readonly distinct: Weighing;
  readonly seconds: { readonly fixed: Simulation; readonly learned: Simulation };
}

export interface ContestOptions {
  readonly choices: readonly PolicyChoice[];
  readonly priceS: number;
  readonly scoreFromSlot: number;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

/** @throws TidepoolError `invalid` when the scored part of the log has nothing to compare */
export async function runContest(workload: Workload, options: ContestOptions): Promise<Contest> {
  const { scoreFromSlot, priceS, onProgress } = options;
  const chosen = policyChoices.filter(
    (choice) => choice === "fixed" || options.choices.includes(choice),
  );
  const scored: { choice: PolicyChoice; scores: ReturnType<typeof scoreSlots> }[] = [];
  for (const choice of chosen) {
    const policy = await slotPolicy(choice, priceS);
    const progress = (done: number, total: number): void => onProgress(policy.name, done, total);
    scored.push({ choice, scores: scoreSlots(workload, policy, scoreFromSlot, progress) });
  }
  const { keepAliveKnob } = await import("@tidepool/bench/rivals");
  const weigh = (weights: readonly number[]): Weighing => {
    const curves = scored.map(({ choice, scores }) => ({
      choice,
      scores,
      points: curvePoints(scores, weights),
    }));
    const baseline = curves[0]?.points[keepAliveKnob(keepAliveComparedS / 60)];
    if (baseline === undefined || baseline.cold === 0 || baseline.waste === 0)
      throw new TidepoolError(
        "invalid",
        `nothing to compare: from slot ${scoreFromSlot} to ${workload.slots} the fixed keep-alive has no cold start; give a longer log or a smaller --score-from`,
      );
    const { cold, waste, loads } = baseline;
    return {
      baseline: { cold, waste, loads },
      policies: curves.map(({ choice, scores, points }) => {
        const best = frontier(points);
        const within = settingWithin(best, waste);
        const least = wasteAt(best, cold);
        return {
          choice,
          name: scores.policy,
          coldShares: wasteShares.map((share) => shareOf(coldAt(best, share * waste), cold)),
          wasteShare: shareOf(least, waste),
          pool: within === undefined ? null : poolDemandAt(scores, within.knob),
          loadsShare: shareOf(within?.loads, loads),
          points: points.map((point) => ({ label: scores.knobs[point.knob] ?? "", ...point })),
          frontier: best,
        };
      }),
    };
  };
  const { functions, slots } = workload;
  const isWeighted = functions.some(({ weight }) => weight !== 1);
  const distinct = weigh(functions.map(() => 1));
  const inSeconds = (name: "fixed" | "learned", keepAliveS: number): Simulation =>
    simulate(workload, {
      policy: policies[name],
      settings: settingsAt(keepAliveS),
      prepareMs: planPolicyDefault.prepareP95Ms,
      callMs,
      scoreFromSlot,
      onProgress: (done, total) => onProgress(`${name}, to the second`, done, total),
    });
  let calls = 0;
  for (const { counts } of functions) for (const count of counts) calls += count;
  return {
    functions: functions.length,
    calls,
    slots,
    scoreFromSlot,
    priceS,
    ...(isWeighted ? { weighted: weigh(functions.map(({ weight }) => weight)) } : {}),
    distinct,
    seconds: {
      fixed: inSeconds("fixed", keepAliveComparedS),
      learned: inSeconds("learned", priceS),
    },
  };
}

async function slotPolicy(choice: PolicyChoice, priceS: number): Promise<SlotPolicy> {
  const rivals = await import("@tidepool/bench/rivals");
  switch (choice) {
    case "fixed":
      return rivals.keepAlive;
    case "learned": {
      const prices = [...new Set([...pricesS, priceS])].sort((a, b) => a - b);
      const knobs = prices.map((s) => ({ label: `price ${s} s`, settings: settingsAt(s) }));
      return policyOnSlots("tidepool", policies.learned, knobs);
    }
    case "hybrid":
      return rivals.hybridHistogram;
    case "fft":
      return rivals.fourier;
    case "clairvoyant":
      return rivals.clairvoyant;
    default:
      return choice satisfies never;
  }
}

/** A VM is worth waiting for so long as a cold start costs: the price is the keep-alive. */
function settingsAt(priceS: number): typeof planPolicyDefault {
  return { ...planPolicyDefault, keepAliveMs: priceS * 1000 };
}

function shareOf(value: number | undefined, whole: number): number | null {
  return value === undefined ? null : value / whole;
}
