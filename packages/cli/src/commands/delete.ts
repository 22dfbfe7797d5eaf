/** `tidepool delete`: every name is tried; the first failure is reported at the end. */
import { TidepoolError } from "@tidepool/common";
import { withClient } from "../client.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";

export async function deleteFunctions(
  names: readonly string[],
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const deleted: string[] = [];
  let failure: TidepoolError | undefined;
  await withClient(options, async (client) => {
    for (const name of names) {
      try {
        await client.deleteFunction(name);
        deleted.push(name);
        if (options.json !== true) terminal.say(`deleted ${name}`);
      } catch (error) {
        failure ??= TidepoolError.from(error);
      }
    }
  });
  if (options.json === true) terminal.out(`${JSON.stringify({ deleted })}\n`);
  if (failure !== undefined) throw failure;
}
