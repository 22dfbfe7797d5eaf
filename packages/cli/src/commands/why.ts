/** `tidepool why REQUEST_ID`: why a call was cold or not. The sentence first, then what it rests on; all in UTC. */
import { TidepoolError } from "@tidepool/common";
import type { CallExpectation, CallExplanation, CallOutcome, Prewarm, Window } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatCount, formatDuration, formatMs } from "../terminal/format.ts";

export async function why(
  requestId: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const explanation = await withClient(options, (client) =>
    client.explainCall(requestId).catch((error: unknown) => {
      throw isNotFound(error) ? withHint(error) : error;
    }),
  );
  terminal.out(
    options.json === true ? `${JSON.stringify(explanation)}\n` : describeExplanation(explanation),
  );
}

function isNotFound(error: unknown): error is TidepoolError {
  return error instanceof TidepoolError && error.code === "notFound";
}

function withHint(error: TidepoolError): TidepoolError {
  const hint = "invoke prints the id of its call, and logs has those of calls that printed";
  return new TidepoolError(error.code, error.message, { cause: error, details: { hint } });
}

export function describeExplanation(explanation: CallExplanation): string {
  const { requestId, functionName, summary, outcome, expectation, vmSteps } = explanation;
  const lines = [
    summary,
    "",
    `request   ${requestId} of ${functionName}`,
    ...(outcome === undefined ? [] : cameLines(outcome)),
    ...(expectation === undefined
      ? ["expected  nothing is recorded of what was expected"]
      : expectedLines(expectation, outcome)),
    ...vmSteps.map(
      ({ atMs, vmId, phase, reason }) =>
        `VM        ${utc(atMs)} ${vmId} ${phase}${reason === "" ? "" : ` (${reason})`}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function cameLines(outcome: CallOutcome): string[] {
  const { atMs, endedAtMs, start, stages, vmId, hostId, readyBeforeMs, failure } = outcome;
  const where = vmId === "" ? "in no VM" : `in ${vmId} on ${hostId}`;
  const { waitingMs, restoreMs, loadMs, runMs, routingMs } = stages;
  const lines = [
    `came      ${utc(atMs)}, version ${outcome.version}, took ${formatMs(endedAtMs - atMs)}`,
    `started   ${start ?? "not at all"} ${where}${readyBeforeMs > 0 ? `, ready at ${utc(atMs - readyBeforeMs)}` : ""}`,
  ];
  if (start !== undefined)
    lines.push(
      `stages    routing ${formatMs(routingMs)}, waiting ${formatMs(waitingMs)}, restore ${formatMs(restoreMs)}, load ${formatMs(loadMs)}, run ${formatMs(runMs)}`,
    );
  if (outcome.underWayCount > 0)
    lines.push(`under way ${outcome.underWayCount}: ${outcome.underWay.join(", ")}`);
  if (failure !== undefined) lines.push(`failed    ${failure.code}: ${failure.message}`);
  return lines;
}

function expectedLines(expectation: CallExpectation, outcome: CallOutcome | undefined): string[] {
  const { window, callsSeen, previousCallAtMs, keepUntilMs, prewarm, evidence } = expectation;
  const lines = [
    window === undefined
      ? "expected  no period was known"
      : `expected  ${windowText(window)}${outcome === undefined ? "" : `, came ${offBy(outcome.atMs, window)}`}`,
    ...(evidence.length === 0 ? [] : [`evidence  ${evidence.join("; ")}`]),
    `before    ${formatCount(callsSeen, "call")}${previousCallAtMs === undefined ? "" : `, the last at ${utc(previousCallAtMs)}`}; windows hit ${expectation.hits}, missed ${expectation.misses}`,
    `manner    prediction ${expectation.prediction}, a cold start is worth ${expectation.coldStartCost} idle VM-seconds, keep-alive ${formatDuration(expectation.keepAliveMs)}`,
  ];
  if (prewarm !== undefined) lines.push(...prewarmLines(prewarm));
  if (expectation.notPreparedBecause !== "")
    lines.push(`prepared  nothing: ${expectation.notPreparedBecause}`);
  if (keepUntilMs !== undefined)
    lines.push(`kept      until ${utc(keepUntilMs)} (${expectation.keepBecause})`);
  return lines;
}

function prewarmLines(prewarm: Prewarm): string[] {
  const { orderedAtMs, readyByMs, releaseAtMs, count, orderCount, usedCount } = prewarm;
  const would = prewarm.isShadow ? "would have been " : "";
  const vms = prewarm.vmIds.length === 0 ? "" : `: ${prewarm.vmIds.join(", ")}`;
  return [
    `prepared  ${would}ordered at ${utc(orderedAtMs)}, ready by ${utc(readyByMs)}, kept until ${utc(releaseAtMs)}`,
    `          ${formatCount(count, "VM")}, ${orderCount} new${vms}; ${formatCount(usedCount, "call")} before this one`,
    ...prewarm.failures.map((failure) => `          failed: ${failure}`),
  ];
}

function windowText({ startAtMs, endAtMs, expectedAtMs, count, degree }: Window): string {
  const half = formatDuration((endAtMs - startAtMs) / 2);
  return `${utc(expectedAtMs)} ± ${half}, ${count} at once, degree ${degree.toFixed(2)}`;
}

/** "0.4 s early" */
export function offBy(atMs: number, { expectedAtMs }: Window): string {
  const offMs = atMs - expectedAtMs;
  return `${formatDuration(Math.abs(offMs))} ${offMs < 0 ? "early" : "late"}`;
}

/** "2026-11-23 10:30:00.250Z" */
function utc(atMs: number): string {
  return new Date(atMs).toISOString().replace("T", " ");
}
