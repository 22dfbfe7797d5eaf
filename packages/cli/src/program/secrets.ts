/** Secrets of functions. */
import type { Command } from "commander";
import type { SecretSetOptions } from "../commands/secret.ts";
import { command, jsonOption, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

export function addSecretCommands(program: Command, context: CommandContext): void {
  const secret = command(
    program,
    "secret",
    "Set, list or delete secrets; a value is never shown again",
    "tidepool secret list",
  );
  command(
    secret,
    "set",
    "Set a secret, or a new value of it, from stdin or a file",
    "tidepool secret set stripe-key --from-file key.txt",
  )
    .argument("<secret>", 'letters, digits, "-" and "_"')
    .option("--from-file <path>", "read the value from a file (default: from stdin)")
    .addOption(jsonOption())
    .action(async (name: string, options: Omit<SecretSetOptions, "address">) => {
      const { setSecret } = await import("../commands/secret.ts");
      await setSecret(name, withAddress(program, options), context);
    });
  command(secret, "list", "List the secrets and who uses them", "tidepool secret list --json")
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      const { listSecrets } = await import("../commands/secret.ts");
      await listSecrets(withAddress(program, options), context);
    });
  command(
    secret,
    "delete",
    "Delete a secret that no function names",
    "tidepool secret delete stripe-key",
  )
    .argument("<secret>")
    .addOption(jsonOption())
    .action(async (name: string, options: { json?: boolean }) => {
      const { deleteSecret } = await import("../commands/secret.ts");
      await deleteSecret(name, withAddress(program, options), context);
    });
}
