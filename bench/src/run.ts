/**
 * Every figure that the documents promise, measured on this machine: `npm run bench [-- NAME…]`.
 * Ends with 1 when one falls short.
 */
import { TidepoolError } from "@tidepool/common";
import { benchAsync } from "./async.ts";
import { benchClone } from "./clone.ts";
import { benchCluster } from "./cluster.ts";
import { benchForecast } from "./forecast/bench-forecast.ts";
import { benchModel } from "./forecast/bench-model.ts";
import { describeMachine, describeReport, holds } from "./report.ts";
import type { Report } from "./report.ts";
import { benchInit } from "./init.ts";
import { benchScale } from "./scale.ts";
import { benchStream } from "./stream.ts";
import { benchSynthetic } from "./synthetic/bench-synthetic.ts";
import { benchWarm } from "./warm.ts";

const benches: Readonly<Record<string, () => Promise<Report>>> = {
  async: benchAsync,
  clone: benchClone,
  cluster: benchCluster,
  forecast: benchForecast,
  model: benchModel,
  init: benchInit,
  scale: benchScale,
  stream: benchStream,
  synthetic: benchSynthetic,
  warm: benchWarm,
};

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : Object.keys(benches);
process.stdout.write(`${await describeMachine()}\n`);
for (const name of names) {
  const bench = benches[name];
  if (bench === undefined) {
    throw new TidepoolError(
      "notFound",
      `no bench is named '${name}'; there are ${Object.keys(benches).join(", ")}`,
    );
  }
  const report = await bench();
  process.stdout.write(`${describeReport(report)}\n`);
  if (!report.claims.every(holds)) process.exitCode = 1;
}
