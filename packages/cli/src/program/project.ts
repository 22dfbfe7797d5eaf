/** Commands for the folder in which a function is written. */
import { Option } from "commander";
import type { Command } from "commander";
import type { InitOptions } from "../commands/init.ts";
import { command, jsonOption } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

export function addProjectCommands(program: Command, context: CommandContext): void {
  command(
    program,
    "init",
    "Make a folder with a new function",
    "tidepool init greet --template typescript",
  )
    .argument("<folder>", "new or empty; its name becomes the function's")
    .addOption(
      new Option("--template <name>", "what it is written in")
        .choices(["node", "typescript", "python"] satisfies InitOptions["template"][])
        .default("node"),
    )
    .addOption(jsonOption())
    .action(async (folder: string, options: InitOptions) => {
      const { init } = await import("../commands/init.ts");
      await init(folder, options, context);
    });
}
