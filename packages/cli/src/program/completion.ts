/**
 * Completion for shells. What can follow is asked of this command itself each time, so that a script written
 * into a shell's start-up file stays true after an update.
 */
import { Argument } from "commander";
import type { Command } from "commander";
import { command } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

const shells = ["bash", "zsh", "fish", "powershell"] as const;

/** @param withoutCompletion the same commands again, to be described */
export function addCompletionCommands(
  program: Command,
  { terminal }: CommandContext,
  withoutCompletion: () => Command,
): void {
  command(
    program,
    "completion",
    "Print a script that completes commands, options and function names in a shell",
    'eval "$(tidepool completion bash)"',
  )
    .addArgument(new Argument("<shell>").choices(shells))
    .action(async (shell: string) => {
      const { printCompletionScript } = await import("../commands/completion.ts");
      printCompletionScript(shell, terminal);
    });
  program
    .command("complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: string[]) => {
      const { complete } = await import("../commands/completion.ts");
      await complete(words, withoutCompletion(), String(program.opts()["address"]), terminal);
    });
}
