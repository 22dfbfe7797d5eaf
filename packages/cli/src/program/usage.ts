/** What functions printed, and what they used. */
import type { Command } from "commander";
import { command, integer, jsonOption, since, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

export interface LogsOptions {
  readonly follow?: boolean;
  readonly lines: number;
  readonly requestId?: string;
  /** "version" is the program's own option. */
  readonly ofVersion?: string;
  readonly since?: number;
  readonly json?: boolean;
}

export interface UsageCommandOptions {
  readonly follow?: boolean;
  readonly since?: number;
  readonly json?: boolean;
}

const sinceHelp = "only since then: 90s, 15m, 6h, 2d, or an instant as 2026-11-23T10:00:00Z";

export function addUsageCommands(program: Command, context: CommandContext): void {
  command(
    program,
    "logs",
    "Show what a function printed, on all hosts; without a name what all printed",
    "tidepool logs hello -f --since 15m",
  )
    .argument("[function]")
    .option("-f, --follow", "go on with each new line")
    .option("-n, --lines <n>", "newest lines", integer(1, 10_000), 100)
    .option("--request-id <id>", "only lines of this call")
    .option("--of-version <version>", "only lines of this version")
    .option("--since <time>", sinceHelp, since)
    .addOption(jsonOption())
    .action(async (name: string | undefined, options: LogsOptions) => {
      const { logs } = await import("../commands/logs.ts");
      await logs(name, withAddress(program, options), context);
    });

  command(
    program,
    "usage",
    "Show what functions used: calls, running time by memory, idle time",
    "tidepool usage hello --since 2d",
  )
    .argument("[function]")
    .option("-f, --follow", "each record as it is written, instead of sums")
    .option("--since <time>", sinceHelp, since)
    .addOption(jsonOption())
    .action(async (name: string | undefined, options: UsageCommandOptions) => {
      const { usage } = await import("../commands/usage.ts");
      await usage(name, withAddress(program, options), context);
    });
}
