/** `tidepool alias set|list|delete`: names for versions, with a share of the calls each. */
import type { Alias } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { AliasOptions } from "../program/versions.ts";
import { formatInstant, formatShare } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export async function setAlias(
  name: string,
  alias: string,
  version: string,
  options: AliasOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { split = [], description = "", revision = "" } = options;
  const wish = { name: alias, version, others: split, description, revision };
  const put = await withClient(options, (client) => client.putAlias(name, wish));
  if (options.json === true) return terminal.out(`${JSON.stringify(put)}\n`);
  terminal.say(
    `${name}:${alias} runs ${describeSplit(put)}; call it with: tidepool invoke ${name}:${alias}`,
  );
}

export async function listAliases(
  name: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const aliases = await withClient(options, (client) => client.listAliases(name));
  if (options.json === true) return terminal.out(`${JSON.stringify(aliases)}\n`);
  if (aliases.length === 0) {
    terminal.say(`${name} has no alias; make one with: tidepool alias set ${name} live VERSION`);
    return;
  }
  const columns = [
    { title: "ALIAS" },
    { title: "VERSIONS" },
    { title: "REVISION", align: "right" },
    { title: "UPDATED" },
    { title: "DESCRIPTION" },
  ] as const;
  const rows = aliases.map((alias) => [
    alias.name,
    describeSplit(alias),
    alias.revision,
    formatInstant(alias.updatedAtMs),
    alias.description,
  ]);
  terminal.out(renderTable(columns, rows));
}

export async function deleteAlias(
  name: string,
  alias: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  await withClient(options, (client) => client.deleteAlias(name, alias));
  if (options.json === true) terminal.out(`${JSON.stringify({ deleted: alias })}\n`);
  else terminal.say(`deleted alias ${alias} of ${name}`);
}

/** "version 3", or "version 3 (90 %), 4 (10 %)". */
export function describeSplit({ version, others }: Pick<Alias, "version" | "others">): string {
  if (others.length === 0) return `version ${version}`;
  const left = others.reduce((share, { weight }) => share - weight, 1);
  const parts = [{ version, weight: Math.max(0, left) }, ...others];
  return `version ${parts.map((part) => `${part.version} (${formatShare(part.weight)})`).join(", ")}`;
}
