/**
 * Every test there is, after what they need is there: Debian packages and the guest image; several processes at once
 * where the tests do not disturb each other. Nothing is skipped in silence: what cannot be installed or built fails the
 * run with its reason. What fails in real time gets a second try, alone, and is named. The last line is "N passed,
 * N failed". Arguments go to mocha.
 */
import { availableParallelism } from "node:os";
import { ensureImage, ensurePackages, openTerminal, testPackages } from "@tidepool/cli";
import { TidepoolError } from "@tidepool/common";
import { nextBatch, planOf, processesAtOnce } from "./batches.ts";
import type { Batch } from "./batches.ts";
import type { ReportedTest, TestReport } from "./report.ts";
import { sourceFiles } from "./repository.ts";
import { joined, runFiles } from "./run-mocha.ts";
import type { Run } from "./run-mocha.ts";
import { filesToTryAgain, judge } from "./second-try.ts";

/** Told at the end, so that it is seen what a run waits for. */
const longestShown = 10;

const rooms = ["proto", "packages", "services", "guest", "test"];

async function main(): Promise<number> {
  const terminal = openTerminal();
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => interrupt.abort(new TidepoolError("cancelled", signal)));
  try {
    await ensurePackages(testPackages, terminal, interrupt.signal);
    await ensureImage(terminal, { signal: interrupt.signal });
  } catch (error) {
    const { message, details } = TidepoolError.from(error);
    terminal.say(`the tests cannot run: ${message}`);
    if (typeof details["hint"] === "string") terminal.say(`  hint: ${details["hint"]}`);
    return 1;
  }
  const specs = rooms.flatMap((room) => sourceFiles(room, [".test.ts"]));
  const { signal } = interrupt;
  const first = await runAll(specs, signal);
  if (first.report === undefined || signal.aborted) return first.code || 1;
  const again = filesToTryAgain(first.report);
  if (again.length > 0) terminal.say(`\n== second try of ${again.join(", ")}`);
  const second = again.length > 0 ? await runFiles(again, { signal }) : undefined;
  if (signal.aborted) return 1;
  const { passedCount, failed, unsteady } = judge(first.report, second?.report);
  if (unsteady.length > 0) say("passed at one of two tries", unsteady);
  if (failed.length > 0) say("failed", failed);
  sayLongest(first.report);
  process.stdout.write(`${passedCount} passed, ${failed.length} failed\n`);
  // The first code tells of failed tests only when there was a second try.
  const code = second === undefined ? first.code : 0;
  return failed.length > 0 ? 1 : code;
}

function say(what: string, tests: readonly ReportedTest[]): void {
  const lines = tests.map(({ file, title }) => `  ${file}: ${title}`);
  process.stdout.write(`${[`${what}:`, ...lines].join("\n")}\n`);
}

/** All of them as the plan says; with arguments for mocha in one process, as mocha alone would run them. */
async function runAll(specs: readonly string[], signal: AbortSignal): Promise<Run> {
  const args = process.argv.slice(2);
  if (args.length > 0) return runFiles(specs, { args, signal });
  const { first, together, last } = planOf(specs);
  const runs = [await runFiles(first, { signal })];
  runs.push(...(await runTogether(together, signal)));
  if (!signal.aborted) runs.push(await runFiles(last, { signal }));
  return joined(runs);
}

async function runTogether(batches: readonly Batch[], signal: AbortSignal): Promise<Run[]> {
  const waiting = [...batches];
  const running: Batch[] = [];
  const runs: Run[] = [];
  const startMore = async (): Promise<void> => {
    const batch = signal.aborted ? undefined : nextBatch(waiting, running);
    if (batch === undefined) return;
    waiting.splice(waiting.indexOf(batch), 1);
    running.push(batch);
    runs.push(await runFiles(batch.files, { isBeside: true, signal }));
    running.splice(running.indexOf(batch), 1);
    await startMore();
  };
  const count = processesAtOnce(availableParallelism());
  await Promise.all(Array.from({ length: count }, startMore));
  return runs;
}

function sayLongest({ took }: TestReport): void {
  const longest = took.toSorted((a, b) => b.ms - a.ms).slice(0, longestShown);
  const lines = longest.map(({ file, ms }) => `  ${Math.round(ms / 1000)} s  ${file}`);
  process.stdout.write(`${["the longest files:", ...lines].join("\n")}\n`);
}

process.exitCode = await main();
