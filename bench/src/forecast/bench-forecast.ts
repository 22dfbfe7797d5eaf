/**
 * The live policy on the traces that its weights are made from, each function by weights that have not seen
 * it, in slots: how many fewer cold starts than a fixed keep-alive, and than the hybrid histogram, that
 * waste as much.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { hybridHistogram, keepAlive, keepAliveKnob } from "@tidepool/bench/rivals";
import {
  coldAt,
  curvePoints,
  frontier,
  learnedPolicy,
  planPolicyDefault,
  policyOnSlots,
  scoreSlots,
  slotMsDefault,
} from "@tidepool/policy";
import type { SlotPolicy, SlotScores, Workload } from "@tidepool/policy";
import { restoreNetwork } from "@tidepool/policy/model";
import type { StoredNetwork } from "@tidepool/policy/model";
import type { Claim, Report } from "../report.ts";
import { rowOf } from "../stats.ts";
import { foldsOf } from "./samples.ts";
import { foldCount, foldSeed } from "./split.ts";
import { readAzure, readGitcron, type Trace } from "./traces.ts";

const bounds = {
  azureWeighted: { keepAlive: 3, hybrid: 1.8 },
  azureOnce: { keepAlive: 4.6, hybrid: 2.7 },
  gitcron: { keepAlive: 7 },
} as const;
const keepAliveComparedMinutes = 10;

export function benchForecast(): Promise<Report> {
  const claims: Claim[] = [];
  const tookMs: number[] = [];
  const traces = pathOf("../../traces");
  const measure = (
    trace: Trace,
    parts: readonly { name: string; isWeighted: boolean; atLeast: Bounds }[],
  ): void => {
    const workload = workloadOf(trace);
    const score = (policy: SlotPolicy): SlotScores =>
      scoreSlots(workload, policy, trace.scoredFrom);
    const startedAtMs = performance.now();
    const own = score(livePolicy(trace));
    tookMs.push(performance.now() - startedAtMs);
    const rivals = { keepAlive: score(keepAlive), hybrid: score(hybridHistogram) };
    for (const { name, isWeighted, atLeast } of parts) {
      const weights = workload.functions.map(({ weight }) => (isWeighted ? weight : 1));
      claims.push(...claimsOf(name, own, rivals, weights, atLeast));
    }
  };
  measure(readAzure(traces), [
    { name: "Azure, weighted", isWeighted: true, atLeast: bounds.azureWeighted },
    { name: "Azure, each once", isWeighted: false, atLeast: bounds.azureOnce },
  ]);
  measure(readGitcron(traces), [
    { name: "scheduled git jobs", isWeighted: false, atLeast: bounds.gitcron },
  ]);
  return Promise.resolve({
    title: "cold starts on real traces, cross-fitted, at the same waste",
    accelerator: "none",
    rows: [rowOf("a trace, simulated", tookMs)],
    claims,
  });
}

interface Bounds {
  readonly keepAlive: number;
  readonly hybrid?: number;
}

function claimsOf(
  name: string,
  own: SlotScores,
  rivals: { readonly keepAlive: SlotScores; readonly hybrid: SlotScores },
  weights: readonly number[],
  atLeast: Bounds,
): Claim[] {
  const [ours] = curvePoints(own, weights);
  const fixed = curvePoints(rivals.keepAlive, weights);
  const ten = fixed[keepAliveKnob(keepAliveComparedMinutes)];
  if (ours === undefined || ten === undefined) throw new RangeError("a policy without settings");
  const fewer = (what: string, cold: number | undefined, bound: number): Claim => ({
    what: `${name}: cold starts of ${what}, over ours at ${(ours.waste / ten.waste).toFixed(2)} of the 10-minute keep-alive's waste`,
    value: (cold ?? Number.POSITIVE_INFINITY) / ours.cold,
    unit: "×",
    bound: { atLeast: bound },
  });
  const hybrid = curvePoints(rivals.hybrid, weights);
  return [
    fewer("the 10-minute keep-alive", ten.cold, atLeast.keepAlive),
    fewer("the fixed keep-alive of that waste", coldAt(frontier(fixed), ours.waste), 1),
    ...(atLeast.hybrid === undefined
      ? []
      : [
          fewer(
            "the hybrid histogram within the 10-minute keep-alive's waste",
            coldAt(frontier(hybrid), ten.waste),
            atLeast.hybrid,
          ),
        ]),
  ];
}

/** As it runs by default, but each function by the weights of its fold. */
function livePolicy(trace: Trace): SlotPolicy {
  const folds = foldsOf(trace, foldCount, foldSeed);
  const setting = { label: "default", settings: planPolicyDefault };
  const policies = Array.from({ length: foldCount }, (_, fold) => {
    const path = pathOf(`../../weights/forecast-without-${fold}.json`);
    const weights = restoreNetwork(JSON.parse(readFileSync(path, "utf8")) as StoredNetwork);
    return policyOnSlots(
      "tidepool",
      learnedPolicy("learned", () => weights),
      [setting],
    );
  });
  return {
    name: "tidepool",
    knobs: [setting.label],
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
