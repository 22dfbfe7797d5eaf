/**
 * Completion for shells. What can follow is asked of this command itself each time, so that a script written
 * into a shell's start-up file stays true after an update.
 */
import { Argument } from "commander";
import type { Command } from "commander";
import { command } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

const shells = ["bash", "zsh", "fish", "powershell"] as const;

/** @param described the same commands again */
export function addCompletionCommands(
  program: Command,
  { terminal }: CommandContext,
  described: () => Command,
): void {
  command(
    program,
    "completion",
    "Print a script that completes commands, options and function names in a shell",
    'eval "$(tidepool completion bash)"',
  )
    .addHelpText("after", "  $ tidepool completion fish | source")
    .addArgument(new Argument("<shell>").choices(shells))
    .action(async (shell: string) => {
      const { printCompletionScript } = await import("../commands/completion.ts");
      printCompletionScript(shell, terminal);
    });
  const ask = async (words: string[], wholeWords: boolean): Promise<void> => {
    const { complete } = await import("../commands/completion.ts");
    const address = String(program.opts()["address"]);
    await complete({ words, wholeWords, address }, described(), terminal);
  };
  const hidden = { hidden: true };
  const addComplete = (parent: Command, wholeWords: boolean): void => {
    parent
      .command("complete", hidden)
      .argument("[words...]")
      .action((words: string[]) => ask(words, wholeWords));
  };
  addComplete(program, false);
  addComplete(program.command("whole-words", hidden), true);
}
