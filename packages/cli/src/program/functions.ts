/** Commands for functions: from the first upload to what they printed. */
import type { Command } from "commander";
import { command, integer, jsonOption, milliseconds, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";
import { addSettingsOptions } from "./settings-options.ts";
import type { SettingsOptions } from "./settings-options.ts";

export interface InvokeOptions {
  readonly payload: string;
  readonly qualifier?: string;
  readonly requestId?: string;
  readonly timeout?: number;
  readonly json?: boolean;
  readonly async?: boolean;
  readonly dedupe?: string;
  readonly delay?: number;
  readonly retries?: number;
  readonly maxAge?: number;
  readonly stream?: boolean;
}

/** Of a folder with a tidepool.yaml, which says everything else. */
export interface DeployProjectOptions {
  readonly only?: readonly string[];
  readonly dryRun?: boolean;
}

export interface DeployOptions extends SettingsOptions {
  readonly name?: string;
  /** False: the version stays inactive. */
  readonly activate?: boolean;
  readonly revision?: string;
}

export interface ConfigOptions extends SettingsOptions {
  readonly revision?: string;
}

export function addFunctionCommands(program: Command, context: CommandContext): void {
  const deploy = command(
    program,
    "deploy",
    "Create or update a function from a folder or a zip, or all that a tidepool.yaml names",
    "tidepool deploy examples/hello --memory 256",
  )
    .argument("[path]", "folder with tidepool.yaml or the handler, or a zip of its content", ".")
    .option("--only <name...>", "of a tidepool.yaml: only these functions")
    .option("--dry-run", "of a tidepool.yaml: show what differs, and change nothing")
    .option("--name <name>", "of the function (default: the folder's name)")
    .option("--no-activate", "publish the version, and let calls run the one before")
    .option("--revision <revision>", "refuse it when the function has changed since");
  addSettingsOptions(deploy)
    .addOption(jsonOption())
    .action(
      async (path: string, options: DeployOptions & DeployProjectOptions & { json?: boolean }) => {
        const { deployCommand } = await import("../commands/deploy.ts");
        await deployCommand(path, withAddress(program, options), context);
      },
    );

  const config = command(
    program,
    "config",
    "Change settings of a function without new code; what is not given stays",
    [
      "tidepool config hello --memory 256 --timeout 10s",
      "tidepool config hello --rate 50 --burst 100 --on-failure subject:hello.failed",
      "tidepool config hello --provisioned '10 from 0 9 * * 1-5 for 8h in Europe/Berlin'",
    ].join("\n  $ "),
  )
    .argument("<function>")
    .option("--revision <revision>", "refuse it when the function has changed since");
  addSettingsOptions(config)
    .addOption(jsonOption())
    .action(async (name: string, options: ConfigOptions) => {
      const { configCommand } = await import("../commands/config.ts");
      await configCommand(name, withAddress(program, options), context);
    });

  command(
    program,
    "invoke",
    "Call a function: its answer on stdout, how it ran on stderr",
    `tidepool invoke hello --payload '{"name":"Ada"}'`,
  )
    .argument("<function>", "its name; NAME:QUALIFIER for an alias or a version")
    .option("--qualifier <alias|version>", "which version runs (default: the active one)")
    .option("--payload <json|@file|->", "JSON, a file with it, or - for stdin", "null")
    .option("--request-id <id>", "names the call in logs and traces")
    .option(
      "--timeout <time>",
      "longest to wait for the answer, as 30s; a bare number is ms",
      milliseconds(1, 86_400_000),
    )
    .option("--stream", "write the answer's bytes to stdout as they come")
    .option("--async", "do not wait: print the call's id, for `tidepool invocation`")
    .option("--dedupe <key>", "with --async: the known call of this key instead of another")
    .option("--delay <time>", "with --async: not before so long", milliseconds(0, 86_400_000))
    .option("--retries <n>", "with --async: tries after the first", integer(0, 10))
    .option("--max-age <time>", "with --async: not begun when older", milliseconds(1, 86_400_000))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      [
        "  $ tidepool invoke report --payload @month.json --async --dedupe report-11",
        "  $ tidepool invoke film --stream > film.mp4",
      ].join("\n"),
    )
    .action(async (name: string, options: InvokeOptions) => {
      const { invoke } = await import("../commands/invoke.ts");
      await invoke(name, withAddress(program, options), context);
    });

  command(program, "list", "List the functions", "tidepool list --json")
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      const { list } = await import("../commands/list.ts");
      await list(withAddress(program, options), context);
    });

  command(
    program,
    "describe",
    "Show all that is set of a function, and what calls it",
    "tidepool describe hello",
  )
    .argument("<function>")
    .addOption(jsonOption())
    .action(async (name: string, options: { json?: boolean }) => {
      const { describeCommand } = await import("../commands/describe.ts");
      await describeCommand(name, withAddress(program, options), context);
    });

  command(program, "delete", "Remove a function, its code and its VMs", "tidepool delete hello")
    .argument("<function...>")
    .addOption(jsonOption())
    .action(async (names: string[], options: { json?: boolean }) => {
      const { deleteFunctions } = await import("../commands/delete.ts");
      await deleteFunctions(names, withAddress(program, options), context);
    });

  command(
    program,
    "forecast",
    "Show when a function is expected to be called, and why",
    "tidepool forecast heartbeat",
  )
    .argument("<function>")
    .addOption(jsonOption())
    .action(async (name: string, options: { json?: boolean }) => {
      const { forecast } = await import("../commands/forecast.ts");
      await forecast(name, withAddress(program, options), context);
    });

  command(
    program,
    "why",
    "Show why a call was cold or not: what was expected, what was done, what came",
    "tidepool why 5f0c2a1e-7b1d-4c53-9d0e-2f8f0a6b1c11",
  )
    .argument("<request-id>")
    .addOption(jsonOption())
    .action(async (requestId: string, options: { json?: boolean }) => {
      const { why } = await import("../commands/why.ts");
      await why(requestId, withAddress(program, options), context);
    });
}
