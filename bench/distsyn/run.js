/**
 * Every figure that the documents promise, measured on this machine: `npm run bench [-- NAME…]`.
 * Ends with 1 when one falls short.
 */
import { TidepoolError } from "@tidepool/common";
import { benchClone } from "./clone.js";
import { benchForecast } from "./forecast/bench-forecast.js";
import { describeMachine, describeReport, holds } from "./report.js";
import { benchScale } from "./scale.js";
import { benchSynthetic } from "./synthetic/bench-synthetic.js";
import { benchWarm } from "./warm.js";
const benches = {
    clone: benchClone,
    forecast: benchForecast,
    scale: benchScale,
    synthetic: benchSynthetic,
    warm: benchWarm,
};
const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : Object.keys(benches);
process.stdout.write(`${await describeMachine()}\n`);
for (const name of names) {
    const bench = benches[name];
    if (bench === undefined) {
        throw new TidepoolError("notFound", `no bench is named '${name}'; there are ${Object.keys(benches).join(", ")}`);
    }
    const report = await bench();
    process.stdout.write(`${describeReport(report)}\n`);
    if (!report.claims.every(holds))
        process.exitCode = 1;
}
//# sourceMappingURL=run.js.map