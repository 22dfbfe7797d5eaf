/**
 * The live policy on the traces that its weights are made from, each function by weights that have not seen
 * it, in slots, at every price: the figures that it is held to, each at equal waste against the published policies.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  hybridHistogram,
  hybridStandardKnob,
  keepAlive,
  keepAliveKnob,
} from "@tidepool/bench/rivals";
import {
  curvePoints,
  figuresOf,
  frontier,
  learnedPolicy,
  policyOnSlots,
  poolDemandAt,
  priceKnobs,
  scoreSlots,
  settingWithin,
  slotMsDefault,
} from "@tidepool/policy";
import type {
  FigureName,
  FigureRuns,
  PoolDemand,
  SlotPolicy,
  SlotScores,
  Workload,
} from "@tidepool/policy";
import { restoreNetwork } from "@tidepool/policy/model";
import type { StoredNetwork } from "@tidepool/policy/model";
import type { Claim, Report } from "../report.ts";
import { rowOf } from "../stats.ts";
import { foldsOf } from "./samples.ts";
import { foldCount, foldSeed } from "./split.ts";
import { readAzure, readGitcron, type Trace } from "./traces.ts";

/** What is asked of each figure: shares in percent, all others so many times fewer. */
type Asked = Partial<Record<FigureName, number>>;
const asked = {
  azureWeighted: {
    timesFewerThanFixed: 3,
    timesFewerThanHybrid: 1.8,
    timesFewerThanEveryFixed: 1.4,
    timesFewerThanHybridFewLoads: 1.5,
    coldShareP75: 16.7,
  },
  azureOnce: { timesFewerThanFixed: 4.6, timesFewerThanHybrid: 2.7 },
  gitcron: { timesFewerThanFixed: 7 },
  pool: { worst: 12, p999: 10 },
} as const;
const keepAliveComparedMinutes = 10;

const words: Partial<Record<FigureName, string>> = {
  timesFewerThanFixed: "cold starts of the 10-minute keep-alive over ours, at its waste",
  timesFewerThanHybrid: "of the hybrid histogram (4 h) over ours, at its waste",
  timesFewerThanEveryFixed: "of the best fixed keep-alive over ours, the least at any waste to 1.2",
  timesFewerThanHybridFewLoads:
    "of the hybrid histogram (4 h) over ours, with loads at most 3 × the keep-alive's",
  coldShareP75: "cold share of three functions in four, at a waste of at most 1.35",
};

export function benchForecast(): Promise<Report> {
  const claims: Claim[] = [];
  const tookMs: number[] = [];
  const traces = pathOf("../../traces");
  const measure = (
    trace: Trace,
    parts: readonly { name: string; isWeighted: boolean; asked: Asked }[],
  ): FigureRuns => {
    const workload = workloadOf(trace);
    const score = (policy: SlotPolicy): SlotScores =>
      scoreSlots(workload, policy, trace.scoredFrom);
    const startedAtMs = performance.now();
    const own = score(livePolicy(trace));
    tookMs.push(performance.now() - startedAtMs);
    const runs = {
      own,
      fixed: score(keepAlive),
      fixedKnob: keepAliveKnob(keepAliveComparedMinutes),
      hybrid: score(hybridHistogram),
      hybridKnob: hybridStandardKnob,
      hitsScored: trace.rows.map(
        ({ minutes }) => minutes.filter((minute) => minute >= trace.scoredFrom).length,
      ),
    };
    for (const part of parts) {
      const weights = trace.rows.map(({ weight }) => (part.isWeighted ? weight : 1));
      claims.push(...claimsOf(part.name, runs, weights, part.asked));
    }
    return runs;
  };
  const azure = measure(readAzure(traces), [
    { name: "Azure, weighted", isWeighted: true, asked: asked.azureWeighted },
    { name: "Azure, each once", isWeighted: false, asked: asked.azureOnce },
  ]);
  claims.push(...poolClaims(azure));
  measure(readGitcron(traces), [
    { name: "scheduled git jobs", isWeighted: false, asked: asked.gitcron },
  ]);
  return Promise.resolve({
    title: "the policy on real traces, cross-fitted, over all prices",
    accelerator: "none",
    rows: [rowOf("a trace, simulated at every price", tookMs)],
    claims,
  });
}

/** With the 5th and 95th percentile over functions drawn anew. */
function claimsOf(
  name: string,
  runs: FigureRuns,
  weights: readonly number[],
  wanted: Asked,
): Claim[] {
  const figures = figuresOf(runs, weights);
  return Object.entries(wanted).map(([key, bound]): Claim => {
    const figure = key as FigureName;
    const isShare = figure === "coldShareP75";
    const scaled = (value: number | null): number => (value ?? Number.NaN) * (isShare ? 100 : 1);
    const { value, low, high } = figures[figure];
    return {
      what: `${name}: ${words[figure] ?? figure} (5-95 %: ${scaled(low).toFixed(2)} to ${scaled(high).toFixed(2)})`,
      value: scaled(value),
      unit: isShare ? "%" : "×",
      bound: isShare ? { atMost: bound } : { atLeast: bound },
    };
  });
}

/** At the dearest price within the keep-alive's waste, each function once. */
function poolClaims({ own, fixed, fixedKnob, hitsScored }: FigureRuns): Claim[] {
  const once = hitsScored.map(() => 1);
  const waste = curvePoints(fixed, once)[fixedKnob]?.waste ?? 0;
  const within = settingWithin(frontier(curvePoints(own, once)), waste);
  const kept = poolDemandAt(fixed, fixedKnob);
  const ours: PoolDemand | undefined = within && poolDemandAt(own, within.knob);
  const claim = (what: string, of: keyof PoolDemand): Claim => ({
    what: `Azure, each once: generic VMs needed ${what} (keep-alive ${kept[of]})`,
    value: ours?.[of] ?? Number.NaN,
    unit: "VMs",
    bound: { atMost: asked.pool[of] },
  });
  return [claim("at the worst minute", "worst"), claim("at the 99.9th percentile", "p999")];
}

/** As it runs, but each function by the weights of its fold. */
function livePolicy(trace: Trace): SlotPolicy {
  const folds = foldsOf(trace, foldCount, foldSeed);
  const settings = priceKnobs();
  const policies = Array.from({ length: foldCount }, (_, fold) => {
    const path = pathOf(`../../weights/forecast-without-${fold}.json`);
    const weights = restoreNetwork(JSON.parse(readFileSync(path, "utf8")) as StoredNetwork);
    return policyOnSlots(
      "tidepool",
      learnedPolicy("learned", () => weights),
      settings,
    );
  });
  return {
    name: "tidepool",
    knobs: settings.map(({ label }) => label),
    open: (calls, workload, scoreFrom) => {
      const policy = policies[folds[workload.functions.indexOf(calls)] ?? 0];
      if (policy === undefined) throw new RangeError(`no weights for ${calls.id}`);
      return policy.open(calls, workload, scoreFrom);
    },
  };
}

function workloadOf({ rows, slots }: Trace): Workload {
  const functions = rows.map(({ id, weight, minutes, counts }) => ({
    id,
    weight,
    slots: minutes,
    counts,
  }));
  return { functions, slotMs: slotMsDefault, slots };
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
