/** `tidepool replay FILE`: real traffic against the running system. */
import { withClient } from "../client.ts";
import { exitCodes } from "../exit-codes.ts";
import { usageError } from "../failure.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { ReplayCommandOptions } from "../program/traffic.ts";
import { describeSummary } from "../replay/describe-summary.ts";
import { replayFile } from "../replay/replay-file.ts";
import type { MinuteRange } from "../replay/schedule.ts";

export async function replayCommand(
  path: string,
  options: ReplayCommandOptions & ClientOptions,
  { terminal, setExitCode }: CommandContext,
): Promise<void> {
  const { speed, functions, concurrency } = options;
  const range = options.minutes === undefined ? {} : { range: parseRange(options.minutes) };
  const summary = await interruptible((signal) =>
    withClient(options, (client) => {
      const given = { path, speed, functionsMax: functions, concurrencyMax: concurrency, ...range };
      return replayFile(client, given, terminal, signal);
    }),
  );
  terminal.out(options.json === true ? `${JSON.stringify(summary)}\n` : describeSummary(summary));
  if (summary.wasInterrupted) setExitCode(exitCodes.interrupted);
  else if (summary.failures > 0) setExitCode(exitCodes.failure);
}

function parseRange(text: string): MinuteRange {
  const [, first, last] = /^(\d+)\.\.(\d+)$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (first === undefined || last === undefined || range.first > range.last)
    throw usageError(`--minutes '${text}' must be A..B with A at most B, as in 480..720`);
  return range;
}
