/** `tidepool logs [NAME]`: what functions printed, oldest of the shown lines first. */
import { given } from "@tidepool/common";
import type { LogLine } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { LogsOptions } from "../program/usage.ts";
import { formatInstant } from "../terminal/format.ts";

export async function logs(
  name: string | undefined,
  options: LogsOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { follow = false, lines, requestId, ofVersion, since, json = false } = options;
  const wanted = {
    follow,
    limit: lines,
    ...given({ requestId, version: ofVersion, fromMs: since }),
  };
  await interruptible((signal) =>
    withClient(options, async (client) => {
      let isNone = true;
      try {
        for await (const line of client.getLogs(name ?? "", { ...wanted, signal })) {
          isNone = false;
          terminal.out(json ? `${JSON.stringify(line)}\n` : describeLine(line, name === undefined));
        }
      } catch (error) {
        if (!(follow && signal.aborted)) throw error; // Ctrl-C is how following ends
      }
      if (isNone && !follow && !json)
        terminal.say("no lines: nothing was printed, or it is no longer kept");
    }),
  );
}

export function describeLine(line: LogLine, hasName: boolean): string {
  const { atMs, requestId, stream, text, functionName } = line;
  const mark = stream === "stderr" ? "!" : " ";
  const of = hasName ? ` ${functionName}` : "";
  return `${formatInstant(atMs)}${of} ${requestId.slice(0, 8).padEnd(8)} ${mark} ${text}\n`;
}
