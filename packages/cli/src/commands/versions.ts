/** `tidepool versions NAME` and `tidepool rollback NAME`: what there is to run, and which of it runs. */
import type { FunctionDescription, FunctionVersion } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { RollbackOptions } from "../program/versions.ts";
import { formatBytes, formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export async function versions(
  name: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const [found, all] = await withClient(options, (client) =>
    Promise.all([client.getFunction(name), client.listVersions(name)]),
  );
  if (options.json === true) return terminal.out(`${JSON.stringify(all)}\n`);
  if (all.length === 0) {
    terminal.say(
      `${name} has no version yet; upload code with: tidepool deploy DIR --name ${name}`,
    );
    return;
  }
  terminal.out(describeVersions(found, all));
}

function describeVersions(
  { aliases }: Pick<FunctionDescription, "aliases">,
  all: readonly FunctionVersion[],
): string {
  const columns = [
    { title: "VERSION", align: "right" },
    { title: "ACTIVE" },
    { title: "ALIASES" },
    { title: "HANDLER" },
    { title: "MEMORY", align: "right" },
    { title: "CODE", align: "right" },
    { title: "PUBLISHED" },
    { title: "DESCRIPTION" },
  ] as const;
  const rows = all.map((one) => [
    one.version,
    one.isActive ? "active" : "",
    aliases
      .filter(({ version, others }) =>
        [version, ...others.map((other) => other.version)].includes(one.version),
      )
      .map(({ name }) => name)
      .join(", "),
    one.settings.handler,
    `${one.settings.memoryMib} MiB`,
    formatBytes(one.codeBytes),
    formatInstant(one.publishedAtMs),
    one.description,
  ]);
  return renderTable(columns, rows);
}

export async function rollback(
  name: string,
  options: RollbackOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { to = "", revision = "" } = options;
  const { before, after } = await withClient(options, async (client) => ({
    before: await client.getFunction(name),
    after: await client.activateVersion(name, to, { revision }),
  }));
  if (options.json === true) return terminal.out(`${JSON.stringify(after)}\n`);
  const isSame = before.version === after.version;
  terminal.say(
    isSame
      ? `${name} runs version ${after.version ?? "-"} already`
      : `${name} runs version ${after.version ?? "-"} now, ${before.version ?? "none"} before; go back with: tidepool rollback ${name}`,
  );
}
