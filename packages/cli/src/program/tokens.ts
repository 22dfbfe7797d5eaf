/** Who may call, for operators. */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import type { TokenRole } from "@tidepool/sdk";
import type { TokenCreateOptions } from "../commands/token.ts";
import { command, jsonOption, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

const roles = ["admin", "deployer", "invoker", "viewer"] satisfies TokenRole[];

export function addTokenCommands(program: Command, context: CommandContext): void {
  const token = command(
    program,
    "token",
    "Make, list or revoke tokens; a token is shown once",
    "tidepool token create --role deployer --tenant shop",
  );
  command(
    token,
    "create",
    "Make a token, and its tenant when there is none of that name",
    "tidepool token create --role deployer --tenant shop > shop.token",
  )
    .addOption(
      new Option("--role <role>", "what it may do").choices(roles).makeOptionMandatory(true),
    )
    .option("--tenant <name>", "whose functions it reaches", "default")
    .option("--description <text>", "for people")
    .option("--lifetime <time>", "12h, 90d: how long it holds (default: for ever)", lifetime)
    .addOption(jsonOption())
    .action(async (options: Omit<TokenCreateOptions, "address">) => {
      const { createToken } = await import("../commands/token.ts");
      await createToken(withAddress(program, options), context);
    });
  command(token, "list", "List the tokens and when each was last used", "tidepool token list")
    .option("--tenant <name>", "only this tenant's")
    .addOption(jsonOption())
    .action(async (options: { json?: boolean; tenant?: string }) => {
      const { listTokens } = await import("../commands/token.ts");
      await listTokens(withAddress(program, options), context);
    });
  command(
    token,
    "revoke",
    "Revoke a token: it is refused at once",
    "tidepool token revoke 0123456789abcdef",
  )
    .argument("<id>", "what is between tp_ and the next _ of its text")
    .addOption(jsonOption())
    .action(async (id: string, options: { json?: boolean }) => {
      const { revokeToken } = await import("../commands/token.ts");
      await revokeToken(id, withAddress(program, options), context);
    });
  command(
    token,
    "generate",
    "Print a new token for TIDEPOOL_ADMIN_TOKEN_FILE; needs no running system",
    "tidepool token generate > admin.token",
  ).action(async () => {
    const { generateToken } = await import("../commands/token.ts");
    generateToken(context);
  });
}

function lifetime(text: string): number {
  const units: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
  const [, count, unit] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const lifetimeMs = Number(count) * (units[unit ?? ""] ?? 0);
  if (lifetimeMs > 0) return lifetimeMs;
  throw new InvalidArgumentError("a time as 30m, 12h or 90d is needed");
}
