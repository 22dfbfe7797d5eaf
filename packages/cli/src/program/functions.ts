/** Commands for functions: from the first upload to what they printed. */
import type { Command } from "commander";
import type { Prediction } from "@tidepool/sdk";
import {
  coldStartCostMax,
  command,
  integer,
  jsonOption,
  keyValue,
  number,
  predictionOption,
  withAddress,
} from "./parts.ts";
import type { CommandContext } from "./parts.ts";

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

export interface DeployOptions {
  readonly name?: string;
  readonly runtime?: string;
  readonly handler?: string;
  readonly memory?: number;
  readonly timeout?: number;
  readonly initTimeout?: number;
  readonly snapshotInit?: boolean;
  readonly keepAlive?: number;
  readonly prediction?: Prediction;
  readonly price?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly secret?: Readonly<Record<string, string>>;
  readonly vcpus?: number;
  readonly reserved?: number;
  readonly singleUse?: boolean;
  readonly description?: string;
  readonly tag?: Readonly<Record<string, string>>;
  /** False: the version stays inactive. */
  readonly activate?: boolean;
  readonly revision?: string;
}

export function addFunctionCommands(program: Command, context: CommandContext): void {
  command(
    program,
    "deploy",
    "Create or update a function from a folder or a zip, or all that a tidepool.yaml names",
    "tidepool deploy examples/hello --memory 256",
  )
    .argument("[path]", "folder with tidepool.yaml or the handler, or a zip of its content", ".")
    .option("--only <name...>", "of a tidepool.yaml: only these functions")
    .option("--dry-run", "of a tidepool.yaml: show what differs, and change nothing")
    .option("--name <name>", "of the function (default: the folder's name)")
    .option("--runtime <name>", "nodejs20, python3.11 or provided (default: nodejs20)")
    .option("--handler <file.export>", "what is called (default: index.handler)")
    .option("--memory <mib>", "memory it may use, MiB (default: 128)", integer(1, 1_048_576))
    .option("--timeout <ms>", "longest a call may run, ms (default: 30000)", integer(1, 86_400_000))
    .option(
      "--init-timeout <ms>",
      "longest its init may take, ms (default: 10000)",
      integer(1, 120_000),
    )
    .option("--snapshot-init", "start it from a template taken after its init")
    .option(
      "--keep-alive <ms>",
      "how long its VM stays after an unpredicted call, ms (default: 600000)",
      integer(0, 86_400_000),
    )
    .addOption(predictionOption("the tenant's"))
    .option(
      "--price <vm-seconds>",
      "idle VM-seconds that one cold start is worth (default: the tenant's)",
      number(0, coldStartCostMax),
    )
    .option("--env <key=value>", "environment variable; may be repeated", keyValue, {})
    .option("--description <text>", "of the function and of this version")
    .option("--tag <key=value>", "tag of the function; may be repeated", keyValue, {})
    .option("--no-activate", "publish the version, and let calls run the one before")
    .option("--revision <revision>", "refuse it when the function has changed since")
    .option("--secret <key=name>", "variable with a secret's value; may be repeated", keyValue, {})
    .option("--vcpus <n>", "virtual CPUs (default: 1)", integer(1, 4))
    .option("--reserved <calls>", "calls at once; 0 stops the function", integer(0, 100_000))
    .option("--single-use", "a new VM for every call")
    .addOption(jsonOption())
    .action(
      async (path: string, options: DeployOptions & DeployProjectOptions & { json?: boolean }) => {
        const { deployCommand } = await import("../commands/deploy.ts");
        await deployCommand(path, withAddress(program, options), context);
      },
    );

  command(
    program,
    "invoke",
    "Call a function: its answer on stdout, how it ran on stderr",
    `tidepool invoke hello --payload '{"name":"Ada"}'`,
  )
    .argument("<name>", "of the function; NAME:QUALIFIER for an alias or a version")
    .option("--qualifier <alias|version>", "which version runs (default: the active one)")
    .option("--payload <json|@file|->", "JSON, a file with it, or - for stdin", "null")
    .option("--request-id <id>", "names the call in logs and traces")
    .option("--timeout <ms>", "longest to wait for the answer, ms", integer(1, 86_400_000))
    .option("--stream", "write the answer's bytes to stdout as they come")
    .option("--async", "do not wait: print the call's id, for `tidepool invocation`")
    .option("--dedupe <key>", "with --async: the known call of this key instead of another")
    .option("--delay <ms>", "with --async: not before so long", integer(0, 86_400_000))
    .option("--retries <n>", "with --async: tries after the first", integer(0, 10))
    .option("--max-age <ms>", "with --async: not begun when older", integer(1, 86_400_000))
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

  command(program, "delete", "Remove a function, its code and its VMs", "tidepool delete hello")
    .argument("<name...>")
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
    .argument("<name>")
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
