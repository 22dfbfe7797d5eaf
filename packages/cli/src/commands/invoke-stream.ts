/** `tidepool invoke --stream`: the bytes of the answer on stdout as the function writes them, and nothing else there. */
import { once } from "node:events";
import { given } from "@tidepool/common";
import type { TidepoolClient } from "@tidepool/sdk";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { InvokeOptions } from "../program/functions.ts";
import { formatBytes } from "../terminal/format.ts";
import { describeResult } from "./describe-result.ts";

export async function invokeStream(
  client: TidepoolClient,
  target: { readonly name: string; readonly qualifier: string },
  payload: unknown,
  options: InvokeOptions & ClientOptions,
  { terminal }: CommandContext,
  signal: AbortSignal,
): Promise<void> {
  const { requestId, timeout } = options;
  const answer = client.invokeStream(target.name, payload, {
    signal,
    qualifier: target.qualifier,
    ...given({ requestId, timeoutMs: timeout }),
  });
  let byteCount = 0;
  for await (const bytes of answer) {
    byteCount += bytes.byteLength;
    // Not through the terminal, which has text: these may be anything, and stdout may be slow.
    if (!process.stdout.write(bytes)) await once(process.stdout, "drain", { signal });
  }
  const [begin, end] = await Promise.all([answer.begin, answer.end]);
  if (options.json === true) return terminal.say(JSON.stringify({ begin, end, byteCount }));
  terminal.say(`${formatBytes(byteCount)} of ${begin.contentType || "no stated type"}`);
  terminal.say(describeResult(end, terminal));
}
