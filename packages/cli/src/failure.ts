/**
 * How a failure reads: what failed, the code, the request id, what to do. For functions what they threw
 * comes first, since that is what their author looks for.
 */
import { TidepoolError } from "@tidepool/common";
import type { Code } from "@tidepool/common";
import { callDetails } from "@tidepool/sdk";
import { exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** Codes that only a function's own doing brings about. */
const functionCodes: readonly Code[] = [
  "functionError",
  "memoryLimit",
  "outputLimit",
  "guestCrash",
];

const hints: Partial<Record<Code, string>> = {
  unavailable:
    "is a system running? start one with: ./tidepool up — see what is missing with: ./tidepool doctor",
  notFound: "see what exists with: ./tidepool list",
  noCapacity:
    "see what the hosts hold with: ./tidepool pools --once; delete what is not needed or call again later",
  unauthenticated:
    "give a token with --token-file FILE or TIDEPOOL_TOKEN; an operator makes one with: ./tidepool token create",
  forbidden: "take a token of that role; an operator makes one with: ./tidepool token create",
  throttled:
    "a limit was reached: see it with: ./tidepool tenant show — raise a function's with: ./tidepool deploy … --reserved CALLS",
  memoryLimit: "give it more with: ./tidepool deploy … --memory MIB",
  timeout: "wait longer with: ./tidepool invoke … --timeout MS",
  guestCrash: "see what it printed before with: ./tidepool logs NAME",
  functionError: "see what it printed with: ./tidepool logs NAME",
  outputLimit: "print and answer less; large results belong in a store",
  internal: "this is a fault of tidepool: the request id is in the logs of its services",
};

/** The function itself ran out of its time, or of that for its init. */
const functionTimeoutHint = "give it longer with: ./tidepool deploy … --timeout MS";
const initTimeoutHint = "give it longer with: ./tidepool deploy … --init-timeout MS";

export function hintOf(error: TidepoolError): string | undefined {
  const own = error.details["hint"];
  if (typeof own === "string") return own;
  if (error.reason === "initTimeout") return initTimeoutHint;
  const isOfFunction = error.code === "timeout" && callDetails(error).start !== undefined;
  return isOfFunction ? functionTimeoutHint : hints[error.code];
}

export function exitCodeOf(error: TidepoolError): number {
  if (error.code === "cancelled") return exitCodes.interrupted;
  if (error.details["isUsage"] === true) return exitCodes.usage;
  // A time limit is the function's when it had started, else the system or the network was slow.
  const isFunctions =
    functionCodes.includes(error.code) ||
    (error.code === "timeout" && callDetails(error).start !== undefined);
  return isFunctions ? exitCodes.functionFailure : exitCodes.failure;
}

/** A wrong argument: exit code 2, like the parser's own complaints. */
export function usageError(message: string, hint?: string): TidepoolError {
  return new TidepoolError("invalid", message, {
    details: { isUsage: true, ...(hint === undefined ? {} : { hint }) },
  });
}

export function printFailure(terminal: Terminal, error: TidepoolError, asJson: boolean): void {
  const { requestId } = callDetails(error);
  const hint = hintOf(error);
  if (asJson) {
    const { code, message, thrown, component, reason, retryable, retryAfterMs } = error;
    const about = { component, reason, retryAfterMs, requestId, hint, thrown };
    const failure = { code, message, retryable, ...about };
    terminal.say(JSON.stringify({ error: failure }));
    return;
  }
  if (error.thrown !== undefined) {
    const { name, message, stack } = error.thrown;
    terminal.say(stack === "" ? `${name}: ${message}` : stack);
  }
  if (error.code === "cancelled") return terminal.say(error.message);
  terminal.say(`${terminal.paint("red", "error:")} ${error.message}`);
  const parts = [`code ${error.code}`];
  if (error.component !== undefined) parts.push(`from ${error.component}`);
  if (error.reason !== undefined && error.reason !== error.code) parts.push(error.reason);
  if (error.retryAfterMs !== undefined) parts.push(`try again in ${error.retryAfterMs} ms`);
  if (requestId !== undefined) parts.push(`request ${requestId}`);
  terminal.say(`  ${terminal.paint("dim", parts.join(" · "))}`);
  if (hint !== undefined) terminal.say(`  hint: ${hint}`);
}
