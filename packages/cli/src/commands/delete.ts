/** `tidepool delete`: every name is tried; the first failure is reported at the end. */
import { TidepoolError } from "@tidepool/common";
import type { DeletedTriggers } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";

export async function deleteFunctions(
  names: readonly string[],
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const deleted: string[] = [];
  const schedules: string[] = [];
  const subscriptions: string[] = [];
  let failure: TidepoolError | undefined;
  await withClient(options, async (client) => {
    for (const name of names) {
      try {
        const gone = await client.deleteFunction(name);
        deleted.push(name);
        schedules.push(...gone.schedules);
        subscriptions.push(...gone.subscriptions);
        if (options.json !== true) terminal.say(describeDeleted(name, gone));
      } catch (error) {
        failure ??= TidepoolError.from(error);
      }
    }
  });
  if (options.json === true)
    terminal.out(`${JSON.stringify({ deleted, schedules, subscriptions })}\n`);
  if (failure !== undefined) throw failure;
}

function describeDeleted(name: string, { schedules, subscriptions }: DeletedTriggers): string {
  const parts = [
    ...schedules.map((each) => `schedule ${each}`),
    ...subscriptions.map((each) => `subscription ${each}`),
  ];
  return parts.length === 0 ? `deleted ${name}` : `deleted ${name}, with ${parts.join(", ")}`;
}
