/** The command line: what can be asked, with an example each. What a command does is loaded when it runs. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { SimulateOptions } from "./commands/simulate.ts";
import type { Prediction } from "@tidepool/sdk";
import type { TenantOptions } from "./commands/tenant.ts";
import type { Terminal } from "./terminal/terminal.ts";

export const addressDefault = "127.0.0.1:7070";
const portDefault = 7070;
const speedDefault = 60;
const functionsDefault = 50;
/** The server's own limits, VM-seconds. */
const coldStartCostMax = 86_400;
const prewarmCapMax = 1_000_000_000;

export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  /** The exit code when it is not 0. */
  readonly setExitCode: (code: number) => void;
}

/** What every command that talks to a system has. */
export interface ClientOptions {
  readonly address: string;
  readonly json?: boolean;
}

export function createProgram(context: CommandContext): Command {
  const program = new Command("tidepool")
    .description(
      "Runs functions in microVMs, learns when each will be called, and has a VM waiting just before.",
    )
    .version("0.1.0", "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .addOption(
      new Option("--address <host:port>", "where the frontend is")
        .env("TIDEPOOL_ADDRESS")
        .default(addressDefault),
    )
    .showHelpAfterError("(see: tidepool --help)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.out(text),
      writeErr: (text) => context.terminal.say(text.trimEnd()),
    });
  const address = (): string => String(program.opts()["address"]);
  const json = (): Option => new Option("--json", "print the result as JSON");

  addSystemCommands(program, context, json);
  addFunctionCommands(program, context, json);

  command(
    program,
    "pools",
    "Show the warming pool and the VMs of functions",
    "tidepool pools --once",
  )
    .option("--once", "print once and end, instead of each change")
    .addOption(json())
    .action(async (options: { once?: boolean; json?: boolean }) => {
      const { pools } = await import("./commands/pools.ts");
      await pools({ ...options, address: address() }, context);
    });

  command(
    program,
    "replay",
    "Replay rows of a request trace against the running system",
    "tidepool replay examples/traces/excerpt.jsonl --speed 60",
  )
    .argument("<file>", 'JSON lines with "id", "minutes" and "counts", plain or gzipped')
    .option("--speed <n>", "how much faster than the trace", number(0.1, 10_000), speedDefault)
    .option("--minutes <a..b>", "only these minutes of the trace, first and last included")
    .option("--functions <max>", "only the first rows", integer(1, 10_000), functionsDefault)
    .option("--concurrency <max>", "calls under way at once", integer(1, 4096), 64)
    .addOption(json())
    .action(async (file: string, options: ReplayCommandOptions) => {
      const { replayCommand } = await import("./commands/replay.ts");
      await replayCommand(file, { ...options, address: address() }, context);
    });

  command(
    program,
    "simulate",
    "Show what Tidepool would save on a log of calls; needs no running system",
    "tidepool simulate --trace access.csv --out curve.svg",
  )
    .requiredOption("--trace <file>", "CSV `timestamp,function`, or JSON lines; plain or gzipped")
    .option("--policy <name...>", "fixed, learned, hybrid, fft, clairvoyant (default: all)")
    .option("--price <s>", "what a cold start costs, in idle VM seconds", number(1, 86_400), 600)
    .option(
      "--score-from <slot>",
      "minutes before are history only (default: a third)",
      integer(0, 527_040),
    )
    .option("--out <file.svg>", "draw the curve of cold starts against waste")
    .addOption(json())
    .action(async (options: SimulateOptions) => {
      const { simulateCommand } = await import("./commands/simulate.ts");
      await simulateCommand(options, context);
    });
  return program;
}

export interface ReplayCommandOptions {
  readonly speed: number;
  readonly minutes?: string;
  readonly functions: number;
  readonly concurrency: number;
  readonly json?: boolean;
}

export interface UpCommandOptions {
  readonly data?: string;
  readonly port: number;
  readonly hypervisor: "qemu" | "libvirt" | "simulated";
  readonly demo: boolean;
  readonly speed: number;
}

function addSystemCommands(program: Command, context: CommandContext, json: () => Option): void {
  command(
    program,
    "up",
    "Set up this machine, start a whole system on it, and replay real traffic",
    "tidepool up --no-demo",
  )
    .option("--data <dir>", "keeps functions and history (default: ~/.local/state/tidepool)")
    .option("--port <port>", "of the frontend", integer(1, 65_535), portDefault)
    .addOption(
      new Option("--hypervisor <name>", "what runs the VMs")
        .choices(["qemu", "libvirt", "simulated"])
        .default("qemu"),
    )
    .option("--speed <n>", "of the replay", number(0.1, 10_000), speedDefault)
    .option("--no-demo", "start only: deploy and replay nothing")
    .action(async (options: UpCommandOptions) => {
      const { upCommand } = await import("./commands/up.ts");
      await upCommand(options, context);
    });

  command(
    program,
    "doctor",
    "Check what this machine has and lacks, with a fix for each",
    "tidepool doctor",
  )
    .option("--data <dir>", "the data folder of `up` (default: ~/.local/state/tidepool)")
    .addOption(json())
    .action(async (options: { data?: string; json?: boolean }) => {
      const { doctor } = await import("./commands/doctor.ts");
      await doctor({ ...options, address: String(program.opts()["address"]) }, context);
    });
}

export interface DeployOptions {
  readonly name?: string;
  readonly handler?: string;
  readonly memory?: number;
  readonly timeout?: number;
  readonly keepAlive?: number;
  readonly prediction?: Prediction;
  readonly price?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly description?: string;
}

function addFunctionCommands(program: Command, context: CommandContext, json: () => Option): void {
  const withAddress = <T extends object>(options: T): T & { readonly address: string } => ({
    ...options,
    address: String(program.opts()["address"]),
  });

  command(
    program,
    "deploy",
    "Create or update a function from a folder or a zip",
    "tidepool deploy examples/hello --memory 256",
  )
    .argument("<path>", "folder with the handler, or a zip of its content")
    .option("--name <name>", "of the function (default: the folder's name)")
    .option("--handler <file.export>", "what is called (default: index.handler)")
    .option("--memory <mib>", "memory it may use, MiB (default: 128)", integer(1, 1_048_576))
    .option("--timeout <ms>", "longest a call may run, ms (default: 30000)", integer(1, 86_400_000))
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
    .option("--description <text>")
    .addOption(json())
    .action(async (path: string, options: DeployOptions & { json?: boolean }) => {
      const { deployCommand } = await import("./commands/deploy.ts");
      await deployCommand(path, withAddress(options), context);
    });

  command(
    program,
    "invoke",
    "Call a function: its answer on stdout, how it ran on stderr",
    `tidepool invoke hello --payload '{"name":"Ada"}'`,
  )
    .argument("<name>")
    .option("--payload <json|@file|->", "JSON, a file with it, or - for stdin", "null")
    .option("--request-id <id>", "names the call in logs and traces")
    .option("--timeout <ms>", "longest to wait for the answer, ms", integer(1, 86_400_000))
    .addOption(json())
    .action(async (name: string, options: InvokeOptions) => {
      const { invoke } = await import("./commands/invoke.ts");
      await invoke(name, withAddress(options), context);
    });

  command(program, "list", "List the functions", "tidepool list --json")
    .addOption(json())
    .action(async (options: { json?: boolean }) => {
      const { list } = await import("./commands/list.ts");
      await list(withAddress(options), context);
    });

  command(program, "delete", "Remove a function, its code and its VMs", "tidepool delete hello")
    .argument("<name...>")
    .addOption(json())
    .action(async (names: string[], options: { json?: boolean }) => {
      const { deleteFunctions } = await import("./commands/delete.ts");
      await deleteFunctions(names, withAddress(options), context);
    });

  command(
    program,
    "forecast",
    "Show when a function is expected to be called, and why",
    "tidepool forecast heartbeat",
  )
    .argument("<name>")
    .addOption(json())
    .action(async (name: string, options: { json?: boolean }) => {
      const { forecast } = await import("./commands/forecast.ts");
      await forecast(name, withAddress(options), context);
    });

  command(
    program,
    "why",
    "Show why a call was cold or not: what was expected, what was done, what came",
    "tidepool why 5f0c2a1e-7b1d-4c53-9d0e-2f8f0a6b1c11",
  )
    .argument("<request-id>")
    .addOption(json())
    .action(async (requestId: string, options: { json?: boolean }) => {
      const { why } = await import("./commands/why.ts");
      await why(requestId, withAddress(options), context);
    });

  addTenantCommands(program, context, json);

  command(program, "logs", "Show what a function printed", "tidepool logs hello -f")
    .argument("<name>")
    .option("-f, --follow", "go on with each new line")
    .option("-n, --lines <n>", "newest lines", integer(1, 10_000), 100)
    .option("--request-id <id>", "only lines of this call")
    .addOption(json())
    .action(async (name: string, options: LogsOptions) => {
      const { logs } = await import("./commands/logs.ts");
      await logs(name, withAddress(options), context);
    });
}

function addTenantCommands(program: Command, context: CommandContext, json: () => Option): void {
  const address = (): string => String(program.opts()["address"]);
  const tenant = command(
    program,
    "tenant",
    "Show or set what holds for all functions that do not say otherwise",
    "tidepool tenant show default",
  );
  command(tenant, "show", "Show a tenant's settings", "tidepool tenant show default")
    .argument("[name]", "of the tenant", "default")
    .addOption(json())
    .action(async (name: string, options: { json?: boolean }) => {
      const { showTenant } = await import("./commands/tenant.ts");
      await showTenant(name, { ...options, address: address() }, context);
    });
  command(
    tenant,
    "set",
    "Change a tenant's settings; what is not given stays",
    "tidepool tenant set default --prediction shadow",
  )
    .argument("<name>", "of the tenant")
    .addOption(predictionOption("on"))
    .option(
      "--price <vm-seconds>",
      "idle VM-seconds that one cold start is worth; 0: as many as the keep-alive has",
      number(0, coldStartCostMax),
    )
    .option(
      "--prewarm-cap <vm-seconds>",
      "idle VM-seconds that pre-warmed VMs may have within any hour; 0: the default",
      number(0, prewarmCapMax),
    )
    .addOption(json())
    .action(async (name: string, options: Omit<TenantOptions, "address">) => {
      const { setTenant } = await import("./commands/tenant.ts");
      await setTenant(name, { ...options, address: address() }, context);
    });
}

function predictionOption(whose: string): Option {
  const description = `on, shadow (decide, record, change nothing) or off; inherit: ${whose}`;
  return new Option("--prediction <mode>", description).choices([
    "inherit",
    "on",
    "shadow",
    "off",
  ] satisfies Prediction[]);
}

export interface InvokeOptions {
  readonly payload: string;
  readonly requestId?: string;
  readonly timeout?: number;
  readonly json?: boolean;
}

export interface LogsOptions {
  readonly follow?: boolean;
  readonly lines: number;
  readonly requestId?: string;
  readonly json?: boolean;
}

function command(program: Command, name: string, description: string, example: string): Command {
  return program
    .command(name)
    .description(description)
    .addHelpText("after", `\nExample:\n  $ ${example}`);
}

function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`a number from ${min} to ${max} is needed`);
  };
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`an integer from ${min} to ${max} is needed`);
  };
}

function keyValue(text: string, previous: Record<string, string>): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new InvalidArgumentError("KEY=VALUE is needed");
  return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
}
