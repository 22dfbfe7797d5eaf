/**
 * Makes the model's weights from the traces: one set from all rows, which ships, and one for each fold
 * from the rows outside it, by which figures are made. Folds train side by side in worker threads.
 *   npm run train
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { collect, foldsOf } from "./samples.js";
import { packNetwork, restoreNetwork, storeNetwork } from "@tidepool/policy/model";
import { foldCount, foldSeed } from "./split.js";
import { stretch } from "./stretch.js";
import { readAzure, readGitcron } from "./traces.js";
import { train } from "./train.js";
const trainSeed = 11;
const threadsMax = 2;
/** Scheduled jobs are few in number of rows, and are what the model is for. */
const gitcronWeight = 2;
const gitcronQuietShare = 0.2;
if (isMainThread)
    await main();
else
    runTask(workerData);
async function main() {
    const { values } = parseArgs({
        options: {
            traces: { type: "string", default: pathOf("../../traces") },
            folds: { type: "string", default: pathOf("../../weights") },
            out: {
                type: "string",
                default: pathOf("../../../packages/policy/src/model/weights-data.ts"),
            },
        },
    });
    const { traces, folds, out } = values;
    mkdirSync(folds, { recursive: true });
    const azure = readAzure(traces);
    const gitcron = readGitcron(traces);
    const sets = [
        collect(azure, foldsOf(azure, foldCount, foldSeed), {
            quietShare: 1,
            traceWeight: 1,
            seed: trainSeed,
        }),
        collect(gitcron, foldsOf(gitcron, foldCount, foldSeed), {
            quietShare: gitcronQuietShare,
            traceWeight: gitcronWeight,
            seed: trainSeed,
        }),
        // Stretched rows keep the fold of the row that they were made from.
        collect(stretch(azure, trainSeed), foldsOf(azure, foldCount, foldSeed), {
            quietShare: 0.2,
            traceWeight: 0.3,
            seed: trainSeed,
        }),
        collect(stretch(gitcron, trainSeed), foldsOf(gitcron, foldCount, foldSeed), {
            quietShare: 0.1,
            traceWeight: 1,
            seed: trainSeed,
        }),
    ];
    process.stderr.write(`${sets.map((set) => set.count).join(" + ")} samples\n`);
    const waiting = [-1, ...Array.from({ length: foldCount }, (_, fold) => fold)];
    const lane = async () => {
        for (let without = waiting.shift(); without !== undefined; without = waiting.shift()) {
            const stored = await inWorker({ sets, without });
            const path = without < 0 ? out : join(folds, `forecast-without-${without}.json`);
            writeFileSync(path, without < 0 ? moduleOf(stored) : `${JSON.stringify(stored)}\n`);
            process.stderr.write(`${path}\n`);
        }
    };
    await Promise.all(Array.from({ length: threadsMax }, lane));
}
function inWorker(task) {
    return new Promise((resolve, reject) => {
        // A worker thread does not inherit the loader for TypeScript.
        const start = `import("tsx/esm/api").then((tsx) => { tsx.register(); return import(${JSON.stringify(import.meta.url)}); })`;
        const worker = new Worker(start, { eval: true, workerData: task });
        worker.once("message", resolve);
        worker.once("error", reject);
    });
}
function runTask({ sets, without }) {
    const weights = train(sets, {
        hidden: [64, 32],
        passes: 6,
        batch: 1024,
        rate: 3e-3,
        decay: 1e-3,
        seed: trainSeed,
        without,
    });
    parentPort?.postMessage(storeNetwork(weights, "bench/src/forecast/train-weights.ts"));
}
function pathOf(relative) {
    return fileURLToPath(new URL(relative, import.meta.url));
}
/** As it stands in the package. */
function moduleOf(stored) {
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
//# sourceMappingURL=train-weights.js.map