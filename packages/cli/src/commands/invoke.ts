/** `tidepool invoke`: the answer and nothing else on stdout; how the call ran on stderr. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { InvokeResult, Stages } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { usageError } from "../failure.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { InvokeOptions } from "../program/functions.ts";
import { formatDuration, formatMs } from "../terminal/format.ts";
import type { Style, Terminal } from "../terminal/terminal.ts";

export async function invoke(
  name: string,
  options: InvokeOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const target = parseTarget(name, options.qualifier);
  const payload = await readPayload(options.payload);
  const { requestId, timeout } = options;
  const result = await interruptible((signal) =>
    withClient(options, (client) =>
      client.invoke(target.name, payload, {
        signal,
        qualifier: target.qualifier,
        ...(requestId === undefined ? {} : { requestId }),
        ...(timeout === undefined ? {} : { timeoutMs: timeout }),
      }),
    ),
  );
  if (options.json === true) terminal.out(`${JSON.stringify(result)}\n`);
  else {
    terminal.out(`${JSON.stringify(result.payload)}\n`);
    terminal.say(describeResult(result, terminal));
  }
}

/** "hello:live" is the alias, or version, live of hello. */
export function parseTarget(
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

/** Two lines: how it started and how long each stage took, then who ran it. */
export function describeResult(result: InvokeResult, terminal: Terminal): string {
  const { start, stages, readyBeforeMs, requestId, version, vmId, hostId } = result;
  const ready = readyBeforeMs > 0 ? ` · VM ready ${formatDuration(readyBeforeMs)} before` : "";
  const first = `${paintStart(start, terminal)} · ${formatMs(totalMs(stages))}${ready} (${describeStages(stages)})`;
  return `${first}\n${terminal.paint("dim", `request ${requestId} · version ${version} · VM ${vmId} on ${hostId}`)}`;
}

export function describeStages(stages: Stages): string {
  const parts: [string, number][] = [
    ["routing", stages.routingMs],
    ["waiting", stages.waitingMs],
    ["restore", stages.restoreMs],
    ["load", stages.loadMs],
    ["run", stages.runMs],
  ];
  return parts
    .filter(([name, ms]) => ms > 0 || name === "run")
    .map(([name, ms]) => `${name} ${formatMs(ms)}`)
    .join(", ");
}

export function totalMs(stages: Stages): number {
  const { routingMs, waitingMs, restoreMs, loadMs, runMs } = stages;
  return routingMs + waitingMs + restoreMs + loadMs + runMs;
}

const startStyles: Record<InvokeResult["start"], Style> = {
  predicted: "green",
  warm: "cyan",
  pool: "yellow",
  cold: "red",
  unknown: "dim",
};

export function paintStart(start: InvokeResult["start"], terminal: Terminal, width = 0): string {
  return terminal.paint(startStyles[start], start.padEnd(width));
}

/** JSON as given, from a file after "@", or from stdin for "-". */
async function readPayload(given: string): Promise<unknown> {
  let json = given;
  let from = "--payload";
  if (given === "-") {
    from = "stdin";
    json = await text(process.stdin);
  } else if (given.startsWith("@")) {
    from = given.slice(1);
    json = await readFile(from, "utf8").catch((error: NodeJS.ErrnoException) => {
      throw usageError(`payload file ${from} cannot be read: ${error.code ?? error.message}`);
    });
  }
  try {
    return JSON.parse(json);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`${from} is not JSON: ${reason}`, `a text needs quotes: --payload '"text"'`);
  }
}
