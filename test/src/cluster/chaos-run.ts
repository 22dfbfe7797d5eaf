/**
 * Chaos for as long as wanted; `--help` tells what it can do. Says what is done, then every call that failed, and in the
 * end prints what it came to.
 */
import { messageOf } from "@tidepool/common";
import { seededRandom } from "@tidepool/policy";
import { kill as killOne, killInTurn, restartInTurn } from "./chaos.ts";
import type { KindOfKill } from "./chaos.ts";
import { chaosOptions, help } from "./chaos-options.ts";
import type { ChaosOptions } from "./chaos-options.ts";
import { beyond, countBy, preparedShares, recoveries } from "./chaos-report.ts";
import type { FailedCall, SlowCall } from "./load.ts";
import { LoadedCluster, warmAndFresh } from "./loaded-cluster.ts";
import type { DisturbedCalls, Ends } from "./loaded-cluster.ts";
import { cutInTurn, uncut } from "./partitions.ts";
import type { Cut, CutKind } from "./partitions.ts";

const options = read();

/** Of the calls that wait for their answer, and were not inside what was killed. */
const failedShareMax = 0.000_2;
/** After a kill. */
const predictedAgainMaxMs = 15_000;
/** Longer than a lease of a shard, and than a host goes on without NATS. */
const cutMs = 8_000;

const startedAtMs = Date.now();
const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
const say = (line: string): void =>
  void process.stderr.write(`${seconds(Date.now() - startedAtMs).padStart(6)} ${line}\n`);
const print = (name: string, value: unknown): void =>
  void process.stdout.write(
    `${name.padEnd(34)} ${typeof value === "string" ? value : JSON.stringify(value)}\n`,
  );

const loaded = await LoadedCluster.start({
  callsPerSecond: options.callsPerSecond,
  hypervisor: options.hypervisor,
  clocksApartMs: options.clocksApartMs,
  ...(options.cuts.length === 0 ? {} : { functions: warmAndFresh }),
  ...(options.logsTo === undefined ? {} : { logsTo: options.logsTo }),
  say,
});
try {
  process.exitCode = (await (options.cuts.length > 0 ? cut() : kill())) ? 0 : 1;
} finally {
  await loaded.stop();
}

function read(): ChaosOptions {
  try {
    const given = chaosOptions(process.argv.slice(2));
    if (given !== undefined) return given;
    process.stdout.write(`${help}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${help}\n`);
    process.exit(2);
  }
}

async function kill(): Promise<boolean> {
  const disturb = async (): Promise<readonly KindOfKill[]> => {
    if (!options.isRolling)
      return killInTurn(loaded, {
        seed: options.seed,
        everyMs: options.everyMs,
        kinds: options.kinds,
        durationMs: options.seconds * 1_000,
        say,
      });
    await restartInTurn(loaded, say);
    return [];
  };
  const [kills, calls] = await loaded.during(disturb, { isPeriodic: options.isPeriodic });
  const ends = await loaded.ends();
  const { failures, syncCount } = calls;
  const outside = new Set(beyond(failures, kills));
  for (const failure of failures) tell(outside.has(failure) ? "beyond" : "inside", failure, kills);
  for (const refusal of calls.refusals) tell("not accepted", refusal, kills);
  printCalls(calls, ends);
  for (const [index, each] of kills.entries()) printSlow(each, kills[index + 1]?.atMs, calls);
  const isOwned = printWitnessed();
  const share = outside.size / Math.max(1, syncCount);
  print("failed inside what was killed", failures.length - outside.size);
  print("failed beyond it", `${outside.size}, ${(share * 100).toFixed(3)} % of the waiting ones`);
  const isAgain = !options.isPeriodic || printRecoveries(kills, calls);
  return isWhole(calls, ends) && isOwned && share <= failedShareMax && isAgain;
}

/** How many calls that began after it and before the next were slow, and until when. */
function printSlow(
  { kind, name, atMs }: KindOfKill,
  untilMs = Infinity,
  { slow }: DisturbedCalls,
): void {
  const after = slow.filter((call) => call.atMs >= atMs && call.atMs < untilMs);
  if (after.length === 0) return;
  const last = Math.max(...after.map((call) => call.atMs)) - atMs;
  const longest = Math.max(...after.map((call) => call.endedAtMs - call.atMs));
  const span = `begun up to ${seconds(last)} s after it, the longest took ${seconds(longest)} s`;
  print(`  ${kind} ${name}`, `${after.length} slow, ${span}`);
}

function printRecoveries(kills: readonly KindOfKill[], { periodic }: DisturbedCalls): boolean {
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
  const [cuts, calls] = await loaded.during(
    () => cutInTurn(loaded, { kinds: options.cuts, cutMs, meanwhile: killInCut(), say }),
    { isPeriodic: options.isPeriodic },
  );
  const ends = await loaded.ends();
  const events = cuts.map(({ kind, atMs }) => ({ name: kind, atMs }));
  for (const failure of calls.failures) tell("failed", failure, events);
  for (const refusal of calls.refusals) tell("not accepted", refusal, events);
  printCalls(calls, ends);
  const strange = uncut(calls.failures, cuts);
  print("failed while nothing was cut", strange.length);
  const noticed = cuts.map((each) => printCut(each, calls));
  // Who cannot be reached from where the calls are made cannot stay unnoticed.
  const isNoticed = cuts.every(({ kind }, index) => kind !== "client-frontend" || noticed[index]);
  if (!isNoticed) print("cut, and noticed by no call", "client-frontend");
  return printWitnessed() && isWhole(calls, ends) && strange.length === 0 && isNoticed;
}

function killInCut(): ((cut: CutKind, turn: number) => Promise<unknown>) | undefined {
  if (!options.isKillingInCuts) return undefined;
  const random = seededRandom(options.seed);
  return async (cut, turn) => {
    // Of three nats-servers, two have to be left.
    const kinds = options.kinds.filter((kind) => cut !== "nats-nats" || kind !== "nats");
    const kind = kinds[turn % kinds.length];
    if (kind !== undefined) await killOne(loaded.cluster, kind, random, say);
  };
}

/** How many calls noticed a cut, and from when to when. @returns whether any did */
function printCut(
  { kind, atMs, mendedAtMs, wellAtMs }: Cut,
  { failures, slow }: DisturbedCalls,
): boolean {
  const isDuring = (call: SlowCall): boolean => call.endedAtMs >= atMs && call.atMs <= wellAtMs;
  const failed = failures.filter(isDuring);
  const waited = slow.filter(isDuring);
  const noticed = [...failed, ...waited];
  const first = Math.max(0, Math.min(...noticed.map((call) => call.atMs)) - atMs);
  const last = Math.max(...noticed.map((call) => call.atMs)) - atMs;
  const longest = Math.max(...noticed.map((call) => call.endedAtMs - call.atMs));
  const codes = countBy(failed, ({ code, reason }) => `${code} ${reason ?? ""}`);
  const span =
    noticed.length === 0
      ? ""
      : `, by calls begun ${seconds(first)} to ${seconds(last)} s after it, the longest took ${seconds(longest)} s`;
  print(
    `  ${kind}`,
    `${failed.length} failed ${JSON.stringify(codes)}, ${waited.length} slow${span}`,
  );
  print("    well again after the mending", `${seconds(wellAtMs - mendedAtMs)} s`);
  return noticed.length > 0;
}

function printWitnessed(): boolean {
  const violations = loaded.witness.violations();
  print("orders obeyed", loaded.witness.obeyed.length);
  print("orders of former owners refused", loaded.witness.refusedEpochs.length);
  print("two owners at once", violations);
  return violations.length === 0;
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

function printCalls(
  { failures, refusals, syncCount, latenciesMs }: DisturbedCalls,
  { acceptedCount, statuses }: Ends,
): void {
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
function isWhole({ failures }: DisturbedCalls, { statuses, acceptedCount }: Ends): boolean {
  return statuses["succeeded"] === acceptedCount && failures.every((each) => each.isRetryable);
}
