/** `tidepool logs NAME`: what a function printed, oldest of the shown lines first. */
import type { LogLine } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { LogsOptions } from "../program/functions.ts";
import { formatInstant } from "../terminal/format.ts";

export async function logs(
  name: string,
  options: LogsOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { follow = false, lines, requestId } = options;
  await interruptible((signal) =>
    withClient(options, async (client) => {
      const wanted = requestId === undefined ? {} : { requestId };
      try {
        for await (const line of client.getLogs(name, { follow, limit: lines, signal, ...wanted }))
          terminal.out(options.json === true ? `${JSON.stringify(line)}\n` : describeLine(line));
      } catch (error) {
        if (!(follow && signal.aborted)) throw error; // Ctrl-C is how following ends
      }
    }),
  );
}

function describeLine({ atMs, requestId, stream, text }: LogLine): string {
  const mark = stream === "stderr" ? "!" : " ";
  return `${formatInstant(atMs)} ${requestId.slice(0, 8).padEnd(8)} ${mark} ${text}\n`;
}
