/** `tidepool invoke`: the answer and nothing else on stdout; how the call ran on stderr. */
import { text } from "node:stream/consumers";
import { given } from "@tidepool/common";
import { withClient } from "../client.ts";
import { usageError } from "../failure.ts";
import { parseJson, readGiven } from "../files/given-file.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { InvokeOptions } from "../program/functions.ts";
import { describeResult } from "./describe-result.ts";
import { invokeAsync } from "./invoke-async.ts";
import { invokeStream } from "./invoke-stream.ts";

export async function invoke(
  name: string,
  options: InvokeOptions & ClientOptions,
  context: CommandContext,
): Promise<void> {
  const { terminal } = context;
  const target = parseTarget(name, options.qualifier);
  checkManner(options);
  const payload = await readPayload(options.payload);
  if (options.async === true) {
    return withClient(options, (client) => invokeAsync(client, target, payload, options, context));
  }
  if (options.stream === true) {
    return interruptible((signal) =>
      withClient(options, (client) =>
        invokeStream(client, target, payload, options, context, signal),
      ),
    );
  }
  const { requestId, timeout } = options;
  const result = await interruptible((signal) =>
    withClient(options, (client) =>
      client.invoke(target.name, payload, {
        signal,
        qualifier: target.qualifier,
        ...given({ requestId, timeoutMs: timeout }),
      }),
    ),
  );
  if (options.json === true) terminal.out(`${JSON.stringify(result)}\n`);
  else {
    terminal.out(`${JSON.stringify(result.payload)}\n`);
    terminal.say(describeResult(result, terminal));
  }
}

function checkManner(options: InvokeOptions): void {
  const { async = false, stream = false, dedupe, delay, retries, maxAge } = options;
  if (async && stream) throw usageError("--async and --stream exclude each other");
  const isOfAsync = [dedupe, delay, retries, maxAge].some((option) => option !== undefined);
  if (isOfAsync && !async)
    throw usageError("--dedupe, --delay, --retries and --max-age go with --async");
}

/** "hello:live" is the alias, or version, live of hello. */
function parseTarget(
  given: string,
  option: string | undefined,
): { readonly name: string; readonly qualifier: string } {
  const colon = given.indexOf(":");
  if (colon < 0) return { name: given, qualifier: option ?? "" };
  const qualifier = given.slice(colon + 1);
  if (qualifier === "")
    throw usageError(`'${given}' names no alias and no version after the colon`);
  if (option !== undefined && option !== qualifier)
    throw usageError(`'${given}' and --qualifier ${option} name two different versions`);
  return { name: given.slice(0, colon), qualifier };
}

/** JSON as given, from a file after "@", or from stdin for "-". */
async function readPayload(given: string): Promise<unknown> {
  if (given === "-") return parseJson(await text(process.stdin), "stdin");
  if (!given.startsWith("@")) return parseJson(given, "--payload");
  const path = given.slice(1);
  return parseJson(await readGiven(path), path);
}
