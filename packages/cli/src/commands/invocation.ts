/** `tidepool invocation show|wait|cancel`: what became of an accepted call. Its result on stdout, the rest on stderr. */
import { given } from "@tidepool/common";
import type { AcceptedCall } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { exitCodes } from "../exit-codes.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatCount, formatDuration, formatInstant } from "../terminal/format.ts";
import { describeStages } from "./describe-result.ts";

export async function showInvocation(
  requestId: string,
  options: ClientOptions,
  context: CommandContext,
): Promise<void> {
  const call = await withClient(options, (client) => client.getInvocation(requestId));
  print(call, options, context);
}

export async function waitForInvocation(
  requestId: string,
  options: ClientOptions & { readonly timeout?: number },
  context: CommandContext,
): Promise<void> {
  const { timeout } = options;
  const call = await interruptible((signal) =>
    withClient(options, (client) =>
      client.waitForInvocation(requestId, {
        signal,
        ...given({ timeoutMs: timeout }),
      }),
    ),
  );
  print(call, options, context);
  if (call.status !== "succeeded") context.setExitCode(exitCodes.functionFailure);
}

export async function cancelInvocation(
  requestId: string,
  options: ClientOptions,
  context: CommandContext,
): Promise<void> {
  const call = await withClient(options, (client) => client.cancelInvocation(requestId));
  print(call, options, context);
}

function print(
  call: AcceptedCall,
  { json = false }: ClientOptions,
  { terminal }: CommandContext,
): void {
  if (json) return terminal.out(`${JSON.stringify(callAsJson(call))}\n`);
  if (call.status === "succeeded") terminal.out(`${textOf(call)}\n`);
  terminal.say(describeCall(call));
}

/** Bytes that are no JSON are told as base64. */
function callAsJson({ payloadBytes, ...call }: AcceptedCall): object {
  const isText = call.status !== "succeeded" || call.payload !== undefined;
  return isText ? call : { ...call, payloadBase64: Buffer.from(payloadBytes).toString("base64") };
}

function textOf({ payload, payloadBytes }: AcceptedCall): string {
  return payload === undefined
    ? Buffer.from(payloadBytes).toString("utf8")
    : JSON.stringify(payload);
}

export function describeCall(call: Omit<AcceptedCall, "payload" | "payloadBytes">): string {
  const { requestId, functionName, status, attempts, acceptedAtMs, endedAtMs, nextAtMs } = call;
  const lines = [
    `${status} · ${functionName}${call.qualifier === "" ? "" : `:${call.qualifier}`} · ${formatCount(attempts, "attempt")}`,
    `  accepted ${formatInstant(acceptedAtMs)}${endedAtMs === undefined ? "" : `, ended ${formatInstant(endedAtMs)}, after ${formatDuration(Math.max(0, endedAtMs - acceptedAtMs))}`}`,
  ];
  if (nextAtMs !== undefined) lines.push(`  next     ${formatInstant(nextAtMs)}`);
  if (call.failure !== undefined) {
    const { code, component, message, thrown } = call.failure;
    lines.push(`  failure  ${code} from ${component}: ${message}`);
    for (const line of (thrown?.stack ?? "").split("\n").slice(1)) lines.push(`         ${line}`);
  }
  if (call.response !== undefined && status === "succeeded") {
    const { start, stages, version, vmId, hostId } = call.response;
    lines.push(
      `  ran      ${start} (${describeStages(stages)}), version ${version}, VM ${vmId} on ${hostId}`,
    );
  }
  lines.push(`  request  ${requestId}`);
  return lines.join("\n");
}
