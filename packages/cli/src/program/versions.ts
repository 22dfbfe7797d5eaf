/** Commands for the versions of a function and the aliases that name them. */
import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import type { WeightedVersion } from "@tidepool/sdk";
import { command, jsonOption, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

export interface RollbackOptions {
  readonly to?: string;
  readonly revision?: string;
  readonly json?: boolean;
}

export interface AliasOptions {
  readonly split?: readonly WeightedVersion[];
  readonly description?: string;
  readonly revision?: string;
  readonly json?: boolean;
}

export function addVersionCommands(program: Command, context: CommandContext): void {
  command(program, "versions", "List the versions of a function", "tidepool versions hello")
    .argument("<function>")
    .addOption(jsonOption())
    .action(async (name: string, options: { json?: boolean }) => {
      const { versions } = await import("../commands/versions.ts");
      await versions(name, withAddress(program, options), context);
    });

  command(
    program,
    "rollback",
    "Let calls run the version that was active before, or another",
    "tidepool rollback hello --to 3",
  )
    .argument("<function>")
    .option("--to <version>", "the version (default: the one that was active before)")
    .option("--revision <revision>", "refuse it when the function has changed since")
    .addOption(jsonOption())
    .action(async (name: string, options: RollbackOptions) => {
      const { rollback } = await import("../commands/versions.ts");
      await rollback(name, withAddress(program, options), context);
    });

  addAliasCommands(program, context);
}

function addAliasCommands(program: Command, context: CommandContext): void {
  const alias = command(
    program,
    "alias",
    "Name versions, or split calls between them",
    "tidepool alias set hello live 3 --split 4=0.1",
  );
  command(
    alias,
    "set",
    "Let a name stand for a version, or for several with a share of the calls each",
    "tidepool alias set hello live 3 --split 4=0.1",
  )
    .argument("<function>")
    .argument("<alias>")
    .argument("<version>", "gets the calls that no --split takes")
    .option(
      "--split <version=share>",
      "gets this share of the calls, 0 to 1; may be repeated",
      split,
    )
    .option("--description <text>")
    .option("--revision <revision>", "refuse it when the alias has changed since")
    .addOption(jsonOption())
    .action(async (name: string, aliasName: string, version: string, options: AliasOptions) => {
      const { setAlias } = await import("../commands/alias.ts");
      await setAlias(name, aliasName, version, withAddress(program, options), context);
    });
  command(alias, "list", "List the aliases of a function", "tidepool alias list hello")
    .argument("<function>")
    .addOption(jsonOption())
    .action(async (name: string, options: { json?: boolean }) => {
      const { listAliases } = await import("../commands/alias.ts");
      await listAliases(name, withAddress(program, options), context);
    });
  command(alias, "delete", "Remove an alias", "tidepool alias delete hello live")
    .argument("<function>")
    .argument("<alias>")
    .addOption(jsonOption())
    .action(async (name: string, aliasName: string, options: { json?: boolean }) => {
      const { deleteAlias } = await import("../commands/alias.ts");
      await deleteAlias(name, aliasName, withAddress(program, options), context);
    });
}

function split(text: string, previous: readonly WeightedVersion[] = []): WeightedVersion[] {
  const [, version = "", share = ""] = /^(\d+)=(\d*\.?\d+)$/.exec(text) ?? [];
  const weight = Number(share);
  if (version !== "" && weight <= 1) return [...previous, { version, weight }];
  throw new InvalidArgumentError("VERSION=SHARE is needed, with a share from 0 to 1, as in 4=0.1");
}
