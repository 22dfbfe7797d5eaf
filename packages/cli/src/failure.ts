/**
 * How a failure reads: what failed, the code, the request id, what to do. For functions what they threw
 * comes first, since that is what their author looks for.
 */
import { TidepoolError, given } from "@tidepool/common";
import type { Code, Reason } from "@tidepool/common";
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

/** NAME stands for the function, where it is known. */
const hints: Partial<Record<Code, string>> = {
  unavailable:
    "is a system running? start one with: ./tidepool up — see what is missing with: ./tidepool doctor",
  noCapacity:
    "see what the hosts hold with: ./tidepool pools --once; delete what is not needed or call again later",
  unauthenticated:
    "give a token with --token-file FILE or TIDEPOOL_TOKEN; an operator makes one with: ./tidepool token create",
  forbidden: "take a token of that role; an operator makes one with: ./tidepool token create",
  throttled:
    "a limit was reached: see it with: ./tidepool describe NAME — and the tenant's with: ./tidepool tenant show",
  memoryLimit: "give it more with: ./tidepool config NAME --memory MIB",
  timeout: "wait longer with: ./tidepool invoke NAME --timeout 60s",
  guestCrash: "see what it printed before with: ./tidepool logs NAME",
  functionError: "see what it printed with: ./tidepool logs NAME",
  outputLimit: "print and answer less; large results belong in a store",
  internal: "this is a fault of tidepool: the request id is in the logs of its services",
};

/** The function itself ran out of its time, or of that for its init. */
const functionTimeoutHint = "give it longer with: ./tidepool config NAME --timeout 60s";
const initTimeoutHint = "give it longer with: ./tidepool config NAME --init-timeout 30s";
/** By reason, where what helps differs from that of the code. */
const reasonHints: Readonly<Record<string, string>> = {
  initTimeout: initTimeoutHint,
  functionStopped: "let it run again with: ./tidepool config NAME --reserved none",
  functionRate: "raise its rate with: ./tidepool config NAME --rate CALLS",
  reservedConcurrency: "raise what it has reserved with: ./tidepool config NAME --reserved CALLS",
  tenantRate: "raise the tenant's rate with: ./tidepool tenant set TENANT --rate CALLS",
  tenantConcurrency: "raise the tenant's with: ./tidepool tenant set TENANT --concurrency CALLS",
  natsAway: "look whether a nats-server runs that the frontend reaches",
  schedulerSilent: "look whether a scheduler runs, and reaches NATS",
  storeFull: "delete what is not needed, or give NATS more room",
  storeSilent: "look whether most of the nats-servers run, and have room on their disks",
  hostLost: "it may have run: call again only if it may run twice",
  functionUnknown: "see what exists with: ./tidepool list",
  noCode: "give it code with: ./tidepool deploy DIR --name NAME",
  secretMissing: "set it with: ./tidepool secret set SECRET < FILE",
  versionUnknown: "see which there are with: ./tidepool versions NAME",
  aliasUnknown: "see which there are with: ./tidepool alias list NAME",
};
const notSentAgain: readonly string[] = ["hostLost", "functionStopped"] satisfies Reason[];
const tlsHint =
  "name whose certificates are trusted with --tls-ca FILE; without it, and without TIDEPOOL_TLS_CA, calls go in plain text";
/** Python's own, which its code may catch: no limit of ours was passed. */
const pythonMemory = "MemoryError";

/** @param functionName that the command was about */
export function hintOf(error: TidepoolError, functionName?: string): string | undefined {
  return functionName === undefined
    ? generalHintOf(error)
    : generalHintOf(error)?.replaceAll(/\bNAME\b/g, functionName);
}

function generalHintOf(error: TidepoolError): string | undefined {
  const own = error.details["hint"];
  if (typeof own === "string") return own;
  if (error.details["isTls"] === true) return tlsHint;
  const ofReason = reasonHints[error.reason ?? ""];
  if (ofReason !== undefined) return ofReason;
  if (error.thrown?.name === pythonMemory) return hints.memoryLimit;
  const isOfFunction = error.code === "timeout" && callDetails(error).start !== undefined;
  return isOfFunction ? functionTimeoutHint : hints[error.code];
}

export function exitCodeOf(error: TidepoolError): number {
  if (error.details["isReaderGone"] === true) return exitCodes.ok;
  if (error.details["isInterrupt"] === true) return exitCodes.interrupted;
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
    details: { isUsage: true, ...given({ hint }) },
  });
}

/** @param functionName that the command was about */
export function printFailure(
  terminal: Terminal,
  error: TidepoolError,
  asJson: boolean,
  functionName?: string,
): void {
  const { requestId } = callDetails(error);
  const hint = hintOf(error, functionName);
  if (asJson) {
    const { code, message, thrown, component, reason, retryAfterMs } = error;
    // Of a call that a host had it is not known whether it ran.
    const retryable = error.retryable && !notSentAgain.includes(reason ?? "");
    const about = { component, reason, retryAfterMs, requestId, hint, thrown };
    const failure = { code, message, retryable, ...about };
    terminal.say(JSON.stringify({ error: failure }));
    return;
  }
  if (error.thrown !== undefined) {
    const { name, message, stack } = error.thrown;
    terminal.say(stack === "" ? `${name}: ${message}` : stack);
  }
  if (error.details["isInterrupt"] === true) return terminal.say(error.message);
  terminal.say(`${terminal.paint("red", "error:")} ${error.message}`);
  const parts = [`code ${error.code}`];
  if (error.component !== undefined) parts.push(`from ${error.component}`);
  if (error.reason !== undefined && error.reason !== error.code) parts.push(error.reason);
  if (error.retryAfterMs !== undefined) parts.push(`try again in ${error.retryAfterMs} ms`);
  if (requestId !== undefined) parts.push(`request ${requestId}`);
  terminal.say(`  ${terminal.paint("dim", parts.join(" · "))}`);
  if (hint !== undefined) terminal.say(`  hint: ${hint}`);
}
