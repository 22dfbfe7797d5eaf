/**
 * The forecast by itself, without the policy that acts on it: what one evaluation takes, how many cold starts a bar
 * on its probability would leave, by weights that have not seen the function; what weights of one trace are
 * worth on the other; and what they come to while they go on learning there.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CallHistory, EvidenceReader, evidenceCount } from "@tidepool/policy/model";
import { FleetLearning, Network, restoreNetwork } from "@tidepool/policy/model";
import type { NetworkWeights, StoredNetwork, Weigher } from "@tidepool/policy/model";
import type { Claim, Report } from "../report.ts";
import { rowOf } from "../stats.ts";
import { forecastTrace, timesFewer } from "./model-alone.ts";
import { foldsOf } from "./samples.ts";
import { foldCount, foldSeed } from "./split.ts";
import { readAzure, readGitcron, type Trace } from "./traces.ts";

const bounds = {
  azureWeighted: 4.8,
  azureOnce: 6.4,
  gitcron: 7,
  azureToGitcron: 2.1,
  gitcronToAzure: 3.4,
  azureToGitcronLearning: 5,
  evaluationUs: 10,
} as const;
const traces = pathOf("../../traces");
const timedRounds = 5;
const slotsLookedAhead = 15;

export function benchModel(): Promise<Report> {
  const azure = readAzure(traces);
  const gitcron = readGitcron(traces);
  const evaluations = [azure, gitcron].map((trace) => timeEvaluations(trace));
  const claims: Claim[] = evaluations.map((timesUs, index) => ({
    what: `one evaluation, evidence and network, mean over ${index === 0 ? "Azure's" : "git jobs'"} functions`,
    value: Math.min(...timesUs),
    unit: "µs",
    bound: { atMost: bounds.evaluationUs },
  }));
  const once = (trace: Trace): number[] => trace.rows.map(() => 1);
  const claim = (what: string, value: number, atLeast: number): void => {
    claims.push({ what, value, unit: "×", bound: { atLeast } });
  };
  const fresh = (weights: NetworkWeights): Weigher => new Network(weights);
  const learning = (weights: NetworkWeights): Weigher => new FleetLearning(weights);
  for (const [how, weigher] of [
    ["", fresh],
    [", learning on", learning],
  ] as const) {
    const ofAzure = forecastTrace(azure, byFold(azure, weigher));
    const weighted = timesFewer(
      azure,
      ofAzure,
      azure.rows.map(({ weight }) => weight),
    );
    claim(`Azure, weighted, cross-fitted${how}`, weighted, bounds.azureWeighted);
    const each = timesFewer(azure, ofAzure, once(azure));
    claim(`Azure, each once, cross-fitted${how}`, each, bounds.azureOnce);
    const ofGitcron = forecastTrace(gitcron, byFold(gitcron, weigher));
    const jobs = timesFewer(gitcron, ofGitcron, once(gitcron));
    claim(`scheduled git jobs, cross-fitted${how}`, jobs, bounds.gitcron);
  }
  const passed = (from: string, to: Trace, make: typeof fresh): number => {
    const weigher = make(weightsOf(`${from}-alone`));
    return timesFewer(
      to,
      forecastTrace(to, () => weigher),
      once(to),
    );
  };
  claim("git jobs, by Azure's weights", passed("azure", gitcron, fresh), bounds.azureToGitcron);
  claim("Azure, by git jobs' weights", passed("gitcron", azure, fresh), bounds.gitcronToAzure);
  claim(
    "git jobs, by Azure's weights that go on learning",
    passed("azure", gitcron, learning),
    bounds.azureToGitcronLearning,
  );
  return Promise.resolve({
    title: "the model alone: cold starts of the 10-minute keep-alive over its own, at that waste",
    accelerator: "none",
    rows: [
      rowOf("1000 evaluations, Azure's functions", evaluations[0] ?? []),
      rowOf("1000 evaluations, git jobs", evaluations[1] ?? []),
    ],
    claims,
  });
}

/** µs an evaluation (ms a thousand), as a shard makes them: a history is taken up, and its next slots are read. */
function timeEvaluations(trace: Trace): number[] {
  const network = new Network(weightsOf("without-0"));
  const reader = new EvidenceReader();
  const evidence = new Float32Array(evidenceCount);
  const states = trace.rows.map(({ minutes, counts }) => {
    const history = new CallHistory();
    for (const [i, minute] of minutes.entries()) history.observe(minute, counts[i] ?? 1);
    return history;
  });
  return Array.from({ length: timedRounds }, () => {
    const beganAtMs = performance.now();
    let count = 0;
    for (const history of states) {
      if (history.total === 0) continue;
      reader.open(history);
      for (let ahead = 1; ahead <= slotsLookedAhead; ahead += 1) {
        reader.read(history.lastSlot + ahead, evidence);
        network.logit(evidence);
        count += 1;
      }
    }
    return ((performance.now() - beganAtMs) * 1_000) / count;
  });
}

/** Each row by the weights of its fold, which have not seen it. */
function byFold(
  trace: Trace,
  make: (weights: NetworkWeights) => Weigher,
): (row: number) => Weigher {
  const folds = foldsOf(trace, foldCount, foldSeed);
  const weighers = Array.from({ length: foldCount }, (_, fold) =>
    make(weightsOf(`without-${fold}`)),
  );
  return (row) => {
    const weigher = weighers[folds[row] ?? 0];
    if (weigher === undefined) throw new RangeError(`no weights for row ${row}`);
    return weigher;
  };
}

function weightsOf(name: string): NetworkWeights {
  const text = readFileSync(pathOf(`../../weights/forecast-${name}.json`), "utf8");
  return restoreNetwork(JSON.parse(text) as StoredNetwork);
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
