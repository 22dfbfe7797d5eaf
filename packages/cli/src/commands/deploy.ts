/** `tidepool deploy`: creates or updates a function and uploads its code; checks first what can be checked here. */
import { TidepoolError } from "@tidepool/common";
import type { FunctionDescription, TidepoolClient } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { checkHandler, codeName, readCode } from "../code/archive.ts";
import { sendCode } from "../code/send-code.ts";
import { usageError } from "../failure.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { DeployOptions, DeployProjectOptions } from "../program/functions.ts";
import { deployProject } from "../project/deploy-project.ts";
import type { ProjectChange } from "../project/deploy-project.ts";
import { projectFileName } from "../project/project-file-name.ts";
import { readProject } from "../project/read-project.ts";
import { formatBytes, formatCount } from "../terminal/format.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { mergeSettings } from "./merge-settings.ts";

export async function deployCommand(
  path: string,
  options: DeployOptions & DeployProjectOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const project = await readProject(path);
  const { only = [], dryRun: isDryRun = false } = options;
  if (project !== undefined) {
    refuseOptions(options);
    const changes = await interruptible((signal) =>
      withClient(options, (client) =>
        deployProject(client, path, project, { only, isDryRun }, terminal, signal),
      ),
    );
    if (options.json === true) terminal.out(`${JSON.stringify(changes)}\n`);
    else if (!isDryRun) terminal.say(summary(changes));
    return;
  }
  if (only.length > 0 || isDryRun)
    throw usageError(
      `--only and --dry-run are for a folder with ${projectFileName}; ${path} has none`,
    );
  const deployed = await interruptible((signal) =>
    withClient(options, (client) => deploy(client, path, options, terminal, signal)),
  );
  if (options.json === true) terminal.out(`${JSON.stringify(deployed)}\n`);
  else terminal.say(describeDeployed(deployed));
}

function describeDeployed(deployed: FunctionDescription): string {
  const { name, version, newestVersion, codeBytes, settings } = deployed;
  if (version !== newestVersion) {
    return `published ${name} version ${newestVersion ?? "-"}; calls run version ${version ?? "-"} still, until: tidepool rollback ${name} --to ${newestVersion ?? "-"}`;
  }
  return `deployed ${name} version ${version ?? "-"} (${formatBytes(codeBytes ?? 0)}, ${settings.memoryMib} MiB); call it with: tidepool invoke ${name}`;
}

/** What the file says, the command line must not say otherwise. */
function refuseOptions(options: object): void {
  const allowed = ["address", "tlsCa", "tokenFile", "json", "only", "dryRun"];
  const [given] = Object.entries(options).find(
    ([key, value]) => !allowed.includes(key) && !isDefault(key, value),
  ) ?? [undefined];
  if (given === undefined) return;
  const option = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw usageError(
    `--${option} cannot be given beside ${projectFileName}`,
    "write it into the file",
  );
}

/** What commander says where nothing was given: an empty map, or true for what only a --no-… changes. */
function isDefault(key: string, value: unknown): boolean {
  if (key === "activate") return value === true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function summary(changes: readonly ProjectChange[]): string {
  const changed = changes.filter(
    ({ kind, schedules }) => kind !== "none" || schedules.length > 0,
  ).length;
  const all = formatCount(changes.length, "function");
  if (changed === 0) return `nothing to deploy: ${all} as the file says`;
  const rest = changed < changes.length ? "; the others were as the file says" : "";
  return `deployed ${changed} of ${all}${rest}`;
}

export async function deploy(
  client: TidepoolClient,
  path: string,
  options: DeployOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<FunctionDescription> {
  const name = options.name ?? (await codeName(path));
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
    throw usageError(
      `function name '${name}' must be 1 to 64 letters, digits, "-" or "_"`,
      "give one with --name",
    );
  const existing = await findFunction(client, name, signal);
  const settings = mergeSettings(existing?.settings, options);
  const archive = await readCode(path, settings.handler);
  checkHandler(settings.handler, archive, path, settings.runtime);
  const { description = "", activate = true, revision = "" } = options;
  const said = { description, keepActive: !activate, revision };
  return sendCode(client, { name, settings, zip: archive.zip }, terminal, { signal, ...said });
}

/** Undefined when there is none of that name. */
export async function findFunction(
  client: TidepoolClient,
  name: string,
  signal: AbortSignal,
): Promise<FunctionDescription | undefined> {
  try {
    return await client.getFunction(name, { signal });
  } catch (error) {
    if (error instanceof TidepoolError && error.code === "notFound") return undefined;
    throw error;
  }
}
