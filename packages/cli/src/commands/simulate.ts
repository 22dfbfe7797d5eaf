/** `tidepool simulate`: what Tidepool would save on a log of calls. Needs no running system. */
import { writeFile } from "node:fs/promises";
import { usageError } from "../failure.ts";
import { unwritable } from "../files/given-file.ts";
import type { CommandContext } from "../program/parts.ts";
import { runContest } from "../simulate/contest.ts";
import { drawCurves } from "../simulate/curve-svg.ts";
import { describeContest, describeLog } from "../simulate/describe-contest.ts";
import { readLog } from "../simulate/read-log.ts";
import { policyChoices } from "../simulate/task.ts";
import type { PolicyChoice } from "../simulate/task.ts";
import { startProgress } from "../terminal/progress.ts";

export interface SimulateOptions {
  readonly trace: string;
  readonly policy?: readonly string[];
  readonly price: number;
  readonly scoreFrom?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** Of a log, so much is history only when nothing else is said. */
const historyShare = 1 / 3;

export async function simulateCommand(
  options: SimulateOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const choices = parseChoices(options.policy ?? policyChoices);
  const { out, json, price: priceS } = options;
  terminal.status(`reading ${options.trace}`);
  const workload = await readLog(options.trace);
  const scoreFromSlot = options.scoreFrom ?? Math.floor(workload.slots * historyShare);
  if (scoreFromSlot >= workload.slots)
    throw usageError(
      `--score-from ${scoreFromSlot} must be below the log's ${workload.slots} slots`,
    );
  const bar = startProgress(terminal, "simulating", (value) => `${value}`);
  const contest = await runContest(workload, {
    choices,
    priceS,
    scoreFromSlot,
    onProgress: (done, total) => bar.update(done, total),
  }).finally(() => bar.end());
  terminal.out(json === true ? `${JSON.stringify(contest)}\n` : describeContest(contest));
  if (out === undefined) return;
  const drawing = drawCurves(
    contest.weighted ?? contest.distinct,
    contest.wasteShares,
    describeLog(contest),
  );
  await writeFile(out, drawing).catch((error: unknown) => {
    throw unwritable(out, error);
  });
  terminal.say(`curve drawn in ${out}`);
}

function parseChoices(given: readonly string[]): PolicyChoice[] {
  return given.map((name) => {
    const choice = policyChoices.find((known) => known === name);
    if (choice === undefined)
      throw usageError(`--policy '${name}' is none; there are ${policyChoices.join(", ")}`);
    return choice;
  });
}
