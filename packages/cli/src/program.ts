/** The command line: what can be asked, with an example each. What a command does is loaded when it runs. */
import { Command, Option } from "commander";
import { addBackupCommands } from "./program/backup.ts";
import { addCompletionCommands } from "./program/completion.ts";
import { addFunctionCommands } from "./program/functions.ts";
import { addHostCommands } from "./program/hosts.ts";
import { addInvocationCommands } from "./program/invocations.ts";
import type { AddCommands, CommandContext } from "./program/parts.ts";
import { addProjectCommands } from "./program/project.ts";
import { addSecretCommands } from "./program/secrets.ts";
import { addCertificateCommands, addSystemCommands } from "./program/system.ts";
import { addTokenCommands } from "./program/tokens.ts";
import { addTenantCommands } from "./program/tenant.ts";
import { addUsageCommands } from "./program/usage.ts";
import { addTrafficCommands } from "./program/traffic.ts";
import { addTriggerCommands } from "./program/triggers.ts";
import { addVersionCommands } from "./program/versions.ts";

export const addressDefault = "127.0.0.1:7070";

/** In the order of the help. */
const groups: readonly AddCommands[] = [
  addSystemCommands,
  addProjectCommands,
  addFunctionCommands,
  addInvocationCommands,
  addTriggerCommands,
  addVersionCommands,
  addSecretCommands,
  addTenantCommands,
  addTokenCommands,
  addUsageCommands,
  addHostCommands,
  addTrafficCommands,
  addCertificateCommands,
  addBackupCommands,
];

export function createProgram(context: CommandContext): Command {
  const program = withGroups(context);
  addCompletionCommands(program, context, () => createProgram(context));
  tellOfHelp(program, program.name());
  return program;
}

function withGroups(context: CommandContext): Command {
  const program = new Command("tidepool")
    .description(
      "Runs functions in microVMs, learns when each will be called, and has a VM waiting just before.",
    )
    .version("0.1.0", "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .addOption(
      new Option("--address <host:port>", "where the frontend is; several with commas")
        .env("TIDEPOOL_ADDRESS")
        .default(addressDefault),
    )
    .addOption(
      new Option(
        "--tls-ca <file>",
        "who is trusted to be the frontend; without it: plain text",
      ).env("TIDEPOOL_TLS_CA"),
    )
    .addOption(
      new Option(
        "--token-file <file>",
        "holds the token that calls need; without it: TIDEPOOL_TOKEN",
      ).env("TIDEPOOL_TOKEN_FILE"),
    )
    .addHelpText(
      "after",
      [
        "\nExamples:",
        "  $ tidepool up",
        "  $ tidepool init greet --template python",
        "  $ tidepool deploy greet",
        `  $ tidepool invoke greet --payload '{"name":"Ada"}'`,
      ].join("\n"),
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.out(text),
      writeErr: (text) => context.terminal.say(text.trimEnd()),
    });
  for (const add of groups) add(program, context);
  return program;
}

/** After an error each command tells of its own help, which says what it takes. */
function tellOfHelp(command: Command, path: string): void {
  command.showHelpAfterError(`(see: ${path} --help)`);
  for (const each of command.commands) tellOfHelp(each, `${path} ${each.name()}`);
}
