/** `tidepool invoke --async`: the id of the accepted call on stdout. */
import { given } from "@tidepool/common";
import type { TidepoolClient } from "@tidepool/sdk";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { InvokeOptions } from "../program/functions.ts";

export async function invokeAsync(
  client: TidepoolClient,
  target: { readonly name: string; readonly qualifier: string },
  payload: unknown,
  options: InvokeOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { requestId, dedupe, delay, retries, maxAge, timeout } = options;
  const accepted = await client.invokeAsync(target.name, payload, {
    qualifier: target.qualifier,
    ...given({
      requestId,
      dedupeKey: dedupe,
      delayMs: delay,
      retries,
      ageMaxMs: maxAge,
      timeoutMs: timeout,
    }),
  });
  if (options.json === true) return terminal.out(`${JSON.stringify(accepted)}\n`);
  terminal.out(`${accepted.requestId}\n`);
  const hint = terminal.paint("dim", `see it with: tidepool invocation show ${accepted.requestId}`);
  terminal.say(`${accepted.isDuplicate ? "known already" : "accepted"} · ${hint}`);
}
