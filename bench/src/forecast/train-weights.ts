/**
 * Makes the model's weights from the traces: one set from all rows, which ships; one for each fold from the
 * rows outside it, by which figures are made; and one from each trace alone, to see what passes to another.
 * They train side by side in worker threads.
 *   npm run train [-- --only shipped,without-0]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

import { collect, foldsOf, type Samples } from "./samples.ts";
import { packNetwork, restoreNetwork, storeNetwork } from "@tidepool/policy/model";
import type { StoredNetwork } from "@tidepool/policy/model";
import { foldCount, foldSeed } from "./split.ts";
import { stretch, vary } from "./stretch.ts";
import { readAzure, readGitcron, type Trace } from "./traces.ts";
import { teach, train } from "./train.ts";

const trainSeed = 11;
const threadsMax = 2;
/**
 * Scheduled jobs are few in number of rows, and are what the model is for: they count for more, and are learned
 * from in several variations.
 */
const gitcronWeight = 2;
const gitcronVariations = 5;
/** Networks that each set of weights is taught by: together they know more than one does. */
const teachersCount = 2;
const learning = { hidden: [64, 32], passes: 4, batch: 1024, rate: 3e-3, decay: 1e-3 } as const;
const taughtHidden = [96, 32] as const;
const shippedName = "shipped";

interface Task {
  readonly sets: readonly Samples[];
  readonly without: number;
  readonly teachers: number;
}

if (isMainThread) await main();
else runTask(workerData as Task);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      traces: { type: "string", default: pathOf("../../traces") },
      folds: { type: "string", default: pathOf("../../weights") },
      out: {
        type: "string",
        default: pathOf("../../../packages/policy/src/model/weights-data.ts"),
      },
      only: { type: "string", default: "" },
    },
  });
  const { traces, folds, out } = values;
  mkdirSync(folds, { recursive: true });
  const azure = azureSamples(readAzure(traces));
  const gitcron = gitcronSamples(readGitcron(traces));
  const both = { sets: [...azure, ...gitcron], teachers: teachersCount };
  const tasks = new Map<string, Task>([
    [shippedName, { ...both, without: -1 }],
    ...Array.from({ length: foldCount }, (_, without): [string, Task] => [
      `without-${without}`,
      { ...both, without },
    ]),
    ["azure-alone", { sets: azure, without: -1, teachers: 0 }],
    ["gitcron-alone", { sets: gitcron, without: -1, teachers: 0 }],
  ]);
  const only = values.only.split(",").filter((name) => name !== "");
  const waiting = [...tasks].filter(([name]) => only.length === 0 || only.includes(name));
  process.stderr.write(`${both.sets.map((set) => set.count).join(" + ")} samples\n`);
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, task] = next;
      const stored = await inWorker(task);
      const isShipped = name === shippedName;
      const path = isShipped ? out : join(folds, `forecast-${name}.json`);
      writeFileSync(path, isShipped ? moduleOf(stored) : `${JSON.stringify(stored)}\n`);
      process.stderr.write(`${path}\n`);
    }
  };
  await Promise.all(Array.from({ length: threadsMax }, lane));
}

function inWorker(task: Task): Promise<StoredNetwork> {
  return new Promise((resolve, reject) => {
    // A worker thread does not inherit the loader for TypeScript.
    const start = `import("tsx/esm/api").then((tsx) => { tsx.register(); return import(${JSON.stringify(import.meta.url)}); })`;
    const worker = new Worker(start, { eval: true, workerData: task });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

function runTask({ sets, without, teachers }: Task): void {
  const taught = Array.from({ length: teachers }, (_, n) =>
    train(sets, { ...learning, seed: trainSeed + n, without }),
  );
  const weights = train(sets, {
    ...learning,
    hidden: taughtHidden,
    seed: trainSeed + teachers,
    without,
    ...(teachers === 0 ? {} : { taught: teach(sets, taught) }),
  });
  parentPort?.postMessage(storeNetwork(weights, "bench/src/forecast/train-weights.ts"));
}

/** Changed rows keep the fold of the row that they were made from. */
function samplesOf(trace: Trace, quietShare: number, traceWeight: number): Samples {
  const folds = foldsOf(trace, foldCount, foldSeed);
  return collect(trace, folds, { quietShare, traceWeight, seed: trainSeed });
}

function azureSamples(azure: Trace): Samples[] {
  return [samplesOf(azure, 1, 1), samplesOf(stretch(azure, trainSeed), 0.2, 0.15)];
}

function gitcronSamples(gitcron: Trace): Samples[] {
  return [
    samplesOf(gitcron, 0.2, gitcronWeight),
    samplesOf(stretch(gitcron, trainSeed), 0.1, 0.5),
    ...Array.from({ length: gitcronVariations }, (_, n) =>
      samplesOf(vary(gitcron, trainSeed + n), 0.1, 1),
    ),
  ];
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/** As it stands in the package. */
function moduleOf(stored: StoredNetwork): string {
  const { widths, base64 } = packNetwork(restoreNetwork(stored));
  return [
    "/** The network's weights. Made by `npm run train`; not to be edited by hand. */",
    'import type { PackedNetwork } from "./pack-network.ts";',
    "",
    "export const packedWeights: PackedNetwork = {",
    `  widths: [${widths.join(", ")}],`,
    "  base64:",
    `    "${base64}",`,
    "};",
    "",
  ].join("\n");
}
