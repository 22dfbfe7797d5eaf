/**
 * Chaos for as long as wanted:
 *   node --import tsx --conditions=source test/src/cluster/chaos-run.ts --seconds 600 --seed 1 --periodic
 * With --rolling every process is restarted once, in order, and none is killed; with --cuts host-nats,nats-nats (or
 * scheduler-nats, frontend-host) links are cut instead, with clocks --apart milliseconds apart. --periodic adds functions
 * that are called at fixed periods. Tells what is done, then every call that failed, and in the end prints what it came
 * to. The exit code is 1 when more was lost than is promised. Needs root and a build.
 */
import { parseArgs } from "node:util";
import { chaos, killKinds } from "./chaos.ts";
import type { ChaosResult } from "./chaos.ts";
import { beyond, countBy, preparedShares, recoveries } from "./chaos-report.ts";
import type { FailedCall } from "./load.ts";
import { cutKinds, partitions, uncut } from "./partitions.ts";
import type { PartitionResult } from "./partitions.ts";
import type { UnderLoadResult } from "./under-load.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    rate: { type: "string", default: "50" },
    every: { type: "string", default: "25" },
    kinds: { type: "string", default: killKinds.join(",") },
    periodic: { type: "boolean", default: false },
    rolling: { type: "boolean", default: false },
    cuts: { type: "string", default: "" },
    apart: { type: "string", default: "0" },
    hypervisor: { type: "string", default: "simulated" },
  },
});

/** Of the calls that wait for their answer, and were not inside what was killed. */
const failedShareMax = 0.000_2;
/** After a kill. */
const predictedAgainMaxMs = 15_000;

const startedAtMs = Date.now();
const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
const say = (line: string): void =>
  void process.stderr.write(`${seconds(Date.now() - startedAtMs).padStart(6)} ${line}\n`);
const print = (name: string, value: unknown): void =>
  void process.stdout.write(
    `${name.padEnd(34)} ${typeof value === "string" ? value : JSON.stringify(value)}\n`,
  );

const cuts = cutKinds.filter((kind) => values.cuts.split(",").includes(kind));
const common = {
  callsPerSecond: Number(values.rate),
  hypervisor: values.hypervisor === "qemu" ? "qemu" : "simulated",
  isPeriodic: values.periodic,
  say,
} as const;
process.exitCode = (cuts.length > 0 ? await cut() : await kill()) ? 0 : 1;

async function kill(): Promise<boolean> {
  const result = await chaos({
    ...common,
    durationMs: values.rolling ? undefined : Number(values.seconds) * 1_000,
    seed: Number(values.seed),
    killEveryMs: Number(values.every) * 1_000,
    kinds: killKinds.filter((kind) => values.kinds.split(",").includes(kind)),
  });
  const { kills, failures, syncCount } = result;
  const outside = new Set(beyond(failures, kills));
  for (const failure of failures) tell(outside.has(failure) ? "beyond" : "inside", failure, kills);
  printCalls(result);
  const share = outside.size / Math.max(1, syncCount);
  print("failed inside what was killed", failures.length - outside.size);
  print("failed beyond it", `${outside.size}, ${(share * 100).toFixed(3)} % of the waiting ones`);
  const isAgain = !values.periodic || printRecoveries(result);
  return isWhole(result) && share <= failedShareMax && isAgain;
}

function printRecoveries({ kills, periodic }: ChaosResult): boolean {
  for (const { name, atMs, start, why } of periodic.filter((call) => call.why !== undefined)) {
    const kill = kills.findLast((each) => each.atMs <= atMs);
    const after = kill === undefined ? "" : `${seconds(atMs - kill.atMs)} s after ${kill.name}`;
    say(`not predicted: ${name} ${after}, ${start ?? "failed"}: ${why}`);
  }
  const found = recoveries(kills, periodic);
  for (const [index, { name, lastUnpreparedMs, unpreparedCount }] of found.entries()) {
    const last = unpreparedCount === 0 ? "" : `, the last after ${seconds(lastUnpreparedMs)} s`;
    print(`  ${kills[index]?.kind} ${name}`, `${unpreparedCount} not predicted${last}`);
  }
  const againMs = Math.max(0, ...found.map(({ lastUnpreparedMs }) => lastUnpreparedMs));
  print("kills", kills.length);
  print(
    "starts of periodic calls",
    countBy(periodic, ({ start }) => start ?? "failed"),
  );
  const { soon, later } = preparedShares(kills, periodic, predictedAgainMaxMs);
  print(
    `not predicted up to ${seconds(predictedAgainMaxMs)} s`,
    `${soon.unprepared} of ${soon.calls}`,
  );
  print("not predicted after that", `${later.unprepared} of ${later.calls}`);
  print("last call not predicted", `at most ${seconds(againMs)} s after a kill`);
  return againMs <= predictedAgainMaxMs;
}

async function cut(): Promise<boolean> {
  const result = await partitions({
    ...common,
    cuts,
    cutMs: 8_000,
    mendedMs: 5_000,
    clocksApartMs: Number(values.apart),
  });
  for (const failure of result.failures) tell("failed", failure, killsOf(result));
  for (const refusal of result.refusals) tell("not accepted", refusal, killsOf(result));
  printCalls(result);
  const { violations, obeyedCount, refusedEpochs, missing } = result;
  const strange = uncut(result);
  print("failed while nothing was cut", strange.length);
  for (const each of result.cuts) {
    const during = result.failures.filter(
      ({ atMs, endedAtMs }) => endedAtMs >= each.atMs && atMs <= each.mendedAtMs,
    );
    const codes = countBy(during, ({ code, reason }) => `${code} ${reason ?? ""}`);
    print(`  ${each.kind}`, `${during.length} failed ${JSON.stringify(codes)}`);
  }
  print("orders obeyed", obeyedCount);
  print("orders of former owners refused", refusedEpochs);
  print("two owners at once", violations);
  print("not there again in the end", missing);
  return isWhole(result) && strange.length + violations.length + missing.length === 0;
}

function killsOf({ cuts: made }: PartitionResult): readonly { name: string; atMs: number }[] {
  return made.map(({ kind, atMs }) => ({ name: kind, atMs }));
}

function tell(
  what: string,
  { atMs, endedAtMs, code, component, reason, isRetryable, message }: FailedCall,
  events: readonly { readonly name: string; readonly atMs: number }[],
): void {
  const event = events.findLast((each) => each.atMs <= endedAtMs);
  const when =
    event === undefined
      ? ""
      : `begun ${atMs - event.atMs} ms, ended ${endedAtMs - event.atMs} ms after ${event.name}`;
  const retryable = isRetryable ? "retryable" : "not retryable";
  say(`${what}: ${code} ${component ?? ""} ${reason ?? ""} (${retryable}) ${when}: ${message}`);
}

function printCalls({ failures, refusals, ...result }: UnderLoadResult): void {
  const { syncCount, acceptedCount, statuses, latenciesMs } = result;
  const at = (share: number): number => latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0;
  const codeOf = ({ code, reason, isRetryable }: FailedCall): string =>
    `${code} ${reason ?? ""}${isRetryable ? "" : " not retryable"}`;
  print("calls that waited", syncCount);
  print("  failed", countBy(failures, codeOf));
  print("  ms p50, p99, longest", `${at(0.5)}, ${at(0.99)}, ${latenciesMs.at(-1) ?? 0}`);
  print("calls accepted", acceptedCount);
  print("  ended", statuses);
  print("  not accepted after 8 tries", countBy(refusals, codeOf));
}

/** Nothing accepted was lost, and nothing failed that may not be tried again. */
function isWhole({ statuses, acceptedCount, failures }: UnderLoadResult): boolean {
  return statuses["succeeded"] === acceptedCount && failures.every((each) => each.isRetryable);
}
