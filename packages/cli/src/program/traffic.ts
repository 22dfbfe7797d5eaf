/** Commands that watch the pools, and that replay or simulate traffic. */
import type { Command } from "commander";
import type { SimulateOptions } from "../commands/simulate.ts";
import { command, integer, jsonOption, number, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";
import { speedDefault } from "./system.ts";

const functionsDefault = 50;

export interface ReplayCommandOptions {
  readonly speed: number;
  readonly minutes?: string;
  readonly functions: number;
  readonly concurrency: number;
  readonly json?: boolean;
}

export function addTrafficCommands(program: Command, context: CommandContext): void {
  command(
    program,
    "pools",
    "Show the warming pool and the VMs of functions",
    "tidepool pools --once",
  )
    .option("--once", "print once and end, instead of each change")
    .addOption(jsonOption())
    .action(async (options: { once?: boolean; json?: boolean }) => {
      const { pools } = await import("../commands/pools.ts");
      await pools(withAddress(program, options), context);
    });

  command(
    program,
    "replay",
    "Replay rows of a request trace against the running system",
    "tidepool replay examples/traces/excerpt.jsonl --speed 60",
  )
    .argument("<file>", 'JSON lines with "id", "minutes" and "counts", plain or gzipped')
    .option("--speed <n>", "how much faster than the trace", number(0.1, 10_000), speedDefault)
    .option("--minutes <a..b>", "only these minutes of the trace, first and last included")
    .option("--functions <max>", "only the first rows", integer(1, 10_000), functionsDefault)
    .option("--concurrency <max>", "calls under way at once", integer(1, 4096), 64)
    .addOption(jsonOption())
    .action(async (file: string, options: ReplayCommandOptions) => {
      const { replayCommand } = await import("../commands/replay.ts");
      await replayCommand(file, withAddress(program, options), context);
    });

  command(
    program,
    "simulate",
    "Show what Tidepool would save on a log of calls; needs no running system",
    "tidepool simulate --trace access.csv --out curve.svg",
  )
    .requiredOption("--trace <file>", "CSV `timestamp,function`, or JSON lines; plain or gzipped")
    .option("--policy <name...>", "fixed, learned, hybrid, fft, clairvoyant (default: all)")
    .option("--price <s>", "what a cold start costs, in idle VM seconds", number(1, 86_400), 1200)
    .option(
      "--score-from <slot>",
      "minutes before are history only (default: a third)",
      integer(0, 527_040),
    )
    .option("--out <file.svg>", "draw the curve of cold starts against waste")
    .addOption(jsonOption())
    .action(async (options: SimulateOptions) => {
      const { simulateCommand } = await import("../commands/simulate.ts");
      await simulateCommand(options, context);
    });
}
