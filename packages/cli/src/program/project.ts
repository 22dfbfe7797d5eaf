/** Commands for the folder in which a function is written. */
import { Option } from "commander";
import type { Command } from "commander";
import type { DevOptions } from "../dev/dev.ts";
import type { InitOptions } from "../commands/init.ts";
import { command, jsonOption, withAddress } from "./parts.ts";
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

  command(
    program,
    "dev",
    "Run the function of a folder in a VM, and again at each save",
    "tidepool dev greet --payload @greet/event.json",
  )
    .argument("[folder]", "with tidepool.yaml or a handler", ".")
    .option("--function <name>", "which of tidepool.yaml, where it has several")
    .option("--payload <json|@file>", "of the calls (default: event.json of the folder, else null)")
    .option("--no-invoke", "reload only: call nothing by itself")
    .action(async (folder: string, options: Omit<DevOptions, "address">) => {
      const { dev } = await import("../dev/dev.ts");
      await dev(folder, withAddress(program, options), context);
    });
}
