/** `tidepool deploy`: creates or updates a function and uploads its code; checks first what can be checked here. */
import { TidepoolError } from "@tidepool/common";
import type { FunctionDescription, FunctionSettings, TidepoolClient } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { checkHandler, codeName, readCode } from "../code/archive.ts";
import { usageError } from "../failure.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { DeployOptions } from "../program/functions.ts";
import { formatBytes } from "../terminal/format.ts";
import { startProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";

export const runtimeDefault = "nodejs20";
export const handlerDefault = "index.handler";
const chunkBytes = 256 * 1024;

export async function deployCommand(
  path: string,
  options: DeployOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const deployed = await interruptible((signal) =>
    withClient(options, (client) => deploy(client, path, options, terminal, signal)),
  );
  if (options.json === true) terminal.out(`${JSON.stringify(deployed)}\n`);
  else
    terminal.say(
      `deployed ${deployed.name} version ${deployed.version ?? "-"} (${formatBytes(deployed.codeBytes ?? 0)}, ${deployed.settings.memoryMib} MiB); call it with: tidepool invoke ${deployed.name}`,
    );
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
  const settings = mergeSettings(existing, options);
  const archive = await readCode(path, settings.handler);
  checkHandler(settings.handler, archive, path, settings.runtime);
  if (existing === undefined) await client.createFunction(name, settings, { signal });
  else if (hasChanges(existing.settings, settings))
    await client.updateFunction(name, settings, { signal });
  const bar = startProgress(terminal, `uploading ${name}`, formatBytes);
  try {
    const parts = chunksOf(archive.zip, (sent) => bar.update(sent, archive.zip.length));
    return await client.uploadCode(name, parts, { signal });
  } catch (error) {
    // Refused code leaves no function behind that nobody can call; the upload's error is what matters.
    if (existing === undefined) await client.deleteFunction(name).catch(() => undefined);
    throw error;
  } finally {
    bar.end();
  }
}

async function findFunction(
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

/** What is not given stays as it was; a new function gets the server's defaults. */
function mergeSettings(
  existing: FunctionDescription | undefined,
  options: DeployOptions,
): FunctionSettings {
  const { handler, memory, timeout, keepAlive, env, description, prediction, price } = options;
  const hasEnvironment = env !== undefined && Object.keys(env).length > 0;
  return {
    runtime: runtimeDefault,
    handler: handlerDefault,
    ...existing?.settings,
    ...(handler === undefined ? {} : { handler }),
    ...(memory === undefined ? {} : { memoryMib: memory }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    ...(keepAlive === undefined ? {} : { keepAliveMs: keepAlive }),
    ...(prediction === undefined ? {} : { prediction }),
    ...(price === undefined ? {} : { coldStartCost: price }),
    ...(hasEnvironment ? { environment: env } : {}),
    ...(description === undefined ? {} : { description }),
  };
}

function hasChanges(before: FunctionSettings, after: FunctionSettings): boolean {
  const keys = Object.keys(after) as (keyof FunctionSettings)[];
  return keys.some((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

async function* chunksOf(
  zip: Uint8Array,
  onSent: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < zip.length; at += chunkBytes) {
    yield zip.subarray(at, at + chunkBytes);
    onSent(Math.min(at + chunkBytes, zip.length));
  }
}
