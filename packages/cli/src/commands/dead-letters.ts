/** `tidepool dead-letters list|show|redrive|purge`: accepted calls that have failed for good. */
import { TidepoolError, given } from "@tidepool/common";
import type { DeadLetter, DeadLetterQuery } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { usageError } from "../failure.ts";
import type { DeadLetterOptions } from "../program/invocations.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatCount, formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";
import { describeCall } from "./invocation.ts";

export async function listDeadLetters(
  options: DeadLetterOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { limit } = options;
  const list = await withClient(options, (client) =>
    client.deadLetters.list(given({ functionName: options.function, limit })),
  );
  if (options.json === true) return terminal.out(`${JSON.stringify(list)}\n`);
  terminal.out(describeLetters(list.letters));
  if (list.isCut) terminal.say("there are more: see them with a larger --limit, or by --function");
}

export async function showDeadLetter(
  requestId: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { letters } = await withClient(options, (client) =>
    client.deadLetters.list({ requestIds: [requestId] }),
  );
  const [letter] = letters;
  if (letter === undefined) {
    const hint = "see those there are with: tidepool dead-letters list";
    throw new TidepoolError("notFound", `no dead letter of call '${requestId}'`, {
      details: { hint },
    });
  }
  if (options.json === true) return terminal.out(`${JSON.stringify(letter)}\n`);
  terminal.out(`${JSON.stringify(letter.payload)}\n`);
  terminal.say(describeCall(letter));
}

export async function redriveDeadLetters(
  requestIds: readonly string[],
  options: DeadLetterOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const query = queryOf(requestIds, options);
  const redriven = await withClient(options, (client) => client.deadLetters.redrive(query));
  if (options.json === true) return terminal.out(`${JSON.stringify(redriven)}\n`);
  terminal.say(`${formatCount(redriven.count, "call")} accepted anew`);
  for (const id of redriven.requestIds) terminal.out(`${id}\n`);
}

export async function purgeDeadLetters(
  requestIds: readonly string[],
  options: DeadLetterOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const query = queryOf(requestIds, options);
  const count = await withClient(options, (client) => client.deadLetters.purge(query));
  if (options.json === true) return terminal.out(`${JSON.stringify({ count })}\n`);
  terminal.say(`${formatCount(count, "dead letter")} thrown away`);
}

/** All of them only when that is said. */
function queryOf(requestIds: readonly string[], options: DeadLetterOptions): DeadLetterQuery {
  const { all = false } = options;
  if (requestIds.length === 0 && options.function === undefined && !all) {
    throw usageError("no calls are named", "give request ids, --function NAME, or --all");
  }
  return {
    requestIds,
    ...given({ functionName: options.function }),
  };
}

function describeLetters(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return "no dead letters\n";
  return renderTable(
    [
      { title: "REQUEST" },
      { title: "FUNCTION" },
      { title: "ENDED" },
      { title: "ATTEMPTS", align: "right" },
      { title: "STATUS" },
      { title: "WHY" },
    ],
    letters.map(({ requestId, functionName, endedAtMs, attempts, status, failure }) => [
      requestId,
      functionName,
      formatInstant(endedAtMs),
      String(attempts),
      status,
      failure === undefined ? "-" : `${failure.code}: ${failure.message}`,
    ]),
  );
}
