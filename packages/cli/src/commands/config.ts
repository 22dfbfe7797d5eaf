/** `tidepool config`: other settings for a function that has its code; says what differs, and which version runs. */
import type { FunctionDescription } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { usageError } from "../failure.ts";
import { differences } from "../project/compare.ts";
import { describeDifference } from "../project/describe-change.ts";
import type { ConfigOptions } from "../program/functions.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { mergeSettings } from "./merge-settings.ts";

/** What a function has in any case: a runtime and a handler. */
const settingsAlways = 2;

export async function configCommand(
  name: string,
  options: ConfigOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { runtime, handler } = options;
  const isGiven = Object.keys(mergeSettings(undefined, options)).length > settingsAlways;
  if (!isGiven && runtime === undefined && handler === undefined)
    throw usageError(
      "no setting is given",
      `see what is set with: tidepool describe ${name} — and what can be with: tidepool config --help`,
    );
  const [before, after] = await withClient(options, async (client) => {
    const known = await client.getFunction(name);
    const { revision = known.revision } = options;
    const settings = mergeSettings(known.settings, options);
    return [known, await client.updateFunction(name, settings, { revision })] as const;
  });
  if (options.json === true) terminal.out(`${JSON.stringify(after)}\n`);
  else terminal.say(describeConfigured(before, after));
}

export function describeConfigured(
  before: FunctionDescription,
  after: FunctionDescription,
): string {
  const { name, version } = after;
  const changed = differences(before.settings, after.settings).map(describeDifference);
  if (changed.length === 0) return `${name} had these settings already`;
  const runs =
    version === before.version
      ? `${name} is changed; it runs version ${version ?? "-"} as before:`
      : `${name} runs version ${version ?? "-"} now, ${before.version ?? "none"} before; go back with: tidepool rollback ${name}`;
  return [runs, ...changed.map((line) => `  ${line}`)].join("\n");
}
