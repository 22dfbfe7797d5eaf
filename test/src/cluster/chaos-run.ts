/**
 * Chaos for as long as wanted:
 *   node --import tsx --conditions=source test/src/cluster/chaos-run.ts --seconds 600 --seed 1
 * With --rolling every process is restarted once, in order, and none is killed; with --cuts host-nats,nats-nats (or
 * scheduler-nats, frontend-host) links are cut instead, with clocks --apart milliseconds apart.
 * Prints what was killed, and in the end what became of every call. Needs root and a build.
 */
import { parseArgs } from "node:util";
import { chaos, unexplained } from "./chaos.ts";
import { cutKinds, partitions, uncut } from "./partitions.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    rate: { type: "string", default: "50" },
    every: { type: "string", default: "12" },
    kinds: { type: "string", default: "nats,scheduler,host,frontend" },
    rolling: { type: "boolean", default: false },
    cuts: { type: "string", default: "" },
    apart: { type: "string", default: "0" },
    hypervisor: { type: "string", default: "simulated" },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const cuts = cutKinds.filter((kind) => values.cuts.split(",").includes(kind));
if (cuts.length > 0) {
  const partitioned = await partitions({
    cuts,
    cutMs: 8_000,
    mendedMs: 5_000,
    clocksApartMs: Number(values.apart),
    callsPerSecond: Number(values.rate),
    hypervisor: "simulated",
    say,
  });
  const { failures, refusals, latenciesMs, cuts: made, ...facts } = partitioned;
  for (const { code, message, endedAtMs } of [...failures, ...refusals]) {
    const cut = made.findLast((each) => each.atMs <= endedAtMs);
    say(`${endedAtMs - (cut?.atMs ?? 0)} ms after ${cut?.kind ?? "-"}: ${code} ${message}`);
  }
  const counts = { failed: failures.length, uncut: uncut(partitioned), refused: refusals.length };
  process.stdout.write(`${JSON.stringify({ ...facts, ...counts, maxMs: latenciesMs.at(-1) })}\n`);
  process.exit(0);
}
const result = await chaos({
  durationMs: values.rolling ? undefined : Number(values.seconds) * 1_000,
  seed: Number(values.seed),
  callsPerSecond: Number(values.rate),
  killEveryMs: Number(values.every) * 1_000,
  kinds: values.kinds === "" ? [] : values.kinds.split(","),
  hypervisor: values.hypervisor === "qemu" ? "qemu" : "simulated",
  say,
});
const { kills, failures, refusals, latenciesMs, syncCount, acceptedCount, statuses } = result;
for (const { atMs, code, component, isRetryable, message } of failures) {
  const kill = kills.findLast((each) => each.atMs <= atMs + 1_000);
  const after = kill === undefined ? "" : `${atMs - kill.atMs} ms after ${kill.name}`;
  say(
    `failed ${code} (${component ?? "-"}${isRetryable ? ", retryable" : ""}) ${after}: ${message}`,
  );
}
for (const { code, message } of refusals) say(`not accepted ${code}: ${message}`);
const at = (share: number): number => latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0;
process.stdout.write(
  `${JSON.stringify({
    kills: kills.length,
    sync: syncCount,
    failed: failures.length,
    unexplained: unexplained(result).length,
    accepted: acceptedCount,
    notAccepted: refusals.length,
    statuses,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: latenciesMs.at(-1) ?? 0,
  })}\n`,
);
