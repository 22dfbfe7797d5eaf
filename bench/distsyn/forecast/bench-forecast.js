/**
 * The live policy on the traces that its weights are made from, each function by weights that have not seen
 * it, in slots: how many fewer cold starts than a fixed keep-alive, and than the hybrid histogram, that
 * waste as much.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { hybridHistogram, keepAlive, keepAliveKnob } from "@tidepool/bench/rivals";
import { coldAt, curvePoints, frontier, learnedPolicy, planPolicyDefault, policyOnSlots, scoreSlots, slotMsDefault, } from "@tidepool/policy";
import { restoreNetwork } from "@tidepool/policy/model";
import { rowOf } from "../stats.js";
import { foldsOf } from "./samples.js";
import { foldCount, foldSeed } from "./split.js";
import { readAzure, readGitcron } from "./traces.js";
const bounds = {
    azureWeighted: { keepAlive: 3, hybrid: 1.8 },
    azureOnce: { keepAlive: 4.6, hybrid: 2.7 },
    gitcron: { keepAlive: 7 },
};
const keepAliveComparedMinutes = 10;
export function benchForecast() {
    const claims = [];
    const tookMs = [];
    const traces = pathOf("../../traces");
    const measure = (trace, parts) => {
        const workload = workloadOf(trace);
        const score = (policy) => scoreSlots(workload, policy, trace.scoredFrom);
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
function claimsOf(name, own, rivals, weights, atLeast) {
    const [ours] = curvePoints(own, weights);
    const fixed = curvePoints(rivals.keepAlive, weights);
    const ten = fixed[keepAliveKnob(keepAliveComparedMinutes)];
    if (ours === undefined || ten === undefined)
        throw new RangeError("a policy without settings");
    const fewer = (what, cold, bound) => ({
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
                fewer("the hybrid histogram within the 10-minute keep-alive's waste", coldAt(frontier(hybrid), ten.waste), atLeast.hybrid),
            ]),
    ];
}
/** As it runs by default, but each function by the weights of its fold. */
function livePolicy(trace) {
    const folds = foldsOf(trace, foldCount, foldSeed);
    const setting = { label: "default", settings: planPolicyDefault };
    const policies = Array.from({ length: foldCount }, (_, fold) => {
        const path = pathOf(`../../weights/forecast-without-${fold}.json`);
        const weights = restoreNetwork(JSON.parse(readFileSync(path, "utf8")));
        return policyOnSlots("tidepool", learnedPolicy("learned", () => weights), [setting]);
    });
    return {
        name: "tidepool",
        knobs: [setting.label],
        open: (calls, workload, scoreFrom) => {
            const policy = policies[folds[workload.functions.indexOf(calls)] ?? 0];
            if (policy === undefined)
                throw new RangeError(`no weights for ${calls.id}`);
            return policy.open(calls, workload, scoreFrom);
        },
    };
}
function workloadOf({ rows, slots }) {
    const functions = rows.map(({ id, weight, minutes, counts }) => ({
        id,
        weight,
        slots: minutes,
        counts,
    }));
    return { functions, slotMs: slotMsDefault, slots };
}
function pathOf(relative) {
    return fileURLToPath(new URL(relative, import.meta.url));
}
//# sourceMappingURL=bench-forecast.js.map