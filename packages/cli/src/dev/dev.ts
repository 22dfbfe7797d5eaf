/**
 * `tidepool dev`: the function of a folder in a VM of its own, with each save. What is deployed is a function
 * beside the real one, named NAME-dev, which goes when this ends.
 */
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { TidepoolError, given, systemClock } from "@tidepool/common";
import type { TidepoolClient } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { deploy, findFunction } from "../commands/deploy.ts";
import { describeResult } from "../commands/describe-result.ts";
import { printFailure, usageError } from "../failure.ts";
import { parseJson, readGiven } from "../files/given-file.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { readProject } from "../project/read-project.ts";
import type { ProjectFunction } from "../project/schema.ts";
import { handlerDefault, runtimeDefault } from "../project/settings-of.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { watchFolder } from "./watch-folder.ts";

export interface DevOptions extends ClientOptions {
  readonly function?: string;
  readonly payload?: string;
  readonly invoke: boolean;
}

/** Called after each save where nothing else is given. */
const eventFileName = "event.json";
/** Tells what dev has deployed from what is deployed for good. */
const devTag = "tidepool-dev";

interface Session {
  readonly client: TidepoolClient;
  readonly terminal: Terminal;
  readonly folder: string;
  readonly name: string;
  readonly entry: ProjectFunction;
  readonly options: DevOptions;
  readonly signal: AbortSignal;
  /** Settles when its lines end; they begin with the first version. */
  logs?: Promise<void>;
}

export async function dev(
  path: string,
  options: DevOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const project = resolve(path);
  const { name: real, entry } = await chooseFunction(project, options.function);
  const folder = resolve(project, entry.path ?? ".");
  const name = `${real}-dev`;
  await interruptible((signal) =>
    withClient(options, async (client) => {
      const session = { client, terminal, folder, name, entry, options, signal };
      await refuseOthers(client, name, signal);
      try {
        await run(session);
      } finally {
        await client.deleteFunction(name).catch(() => undefined);
      }
    }),
  );
}

/** What this deploys is changed and deleted: never a function that somebody else deployed under that name. */
async function refuseOthers(
  client: TidepoolClient,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const found = await findFunction(client, name, signal);
  if (found === undefined || found.settings.tags?.[devTag] !== undefined) return;
  throw new TidepoolError("alreadyExists", `function '${name}' was not made by dev`, {
    component: "client",
    details: { hint: "dev deploys under that name, and deletes it at the end: rename the other" },
  });
}

async function run(session: Session): Promise<void> {
  const { terminal, folder, name, signal } = session;
  await reload(session);
  const ready = (): void =>
    terminal.say(`watching ${folder}; Enter calls ${name} again, Ctrl-C ends`);
  const keys = createInterface({ input: process.stdin });
  // One after the other: a call must not meet half a reload.
  let work: Promise<unknown> = Promise.resolve();
  const queue = (step: () => Promise<void>): Promise<unknown> => (work = work.then(step));
  keys.on("line", () => void queue(() => call(session)));
  try {
    for await (const _ of watchFolder(folder, signal, ready)) await queue(() => reload(session));
  } finally {
    keys.close();
    await work;
    await session.logs;
  }
}

/** A mistake in the code is told, and the next save is waited for. */
async function reload(session: Session): Promise<void> {
  const { client, terminal, folder, name, entry, signal, options } = session;
  const startedAtMs = systemClock.nowMs();
  try {
    const { version, updatedAtMs } = await deploy(
      client,
      folder,
      {
        name,
        runtime: entry.runtime ?? runtimeDefault,
        handler: entry.handler ?? handlerDefault,
        ...given({
          memory: entry.memory,
          vcpus: entry.vcpus,
          timeout: entry.timeout,
          initTimeout: entry.initTimeout,
          env: entry.environment,
          secret: entry.secrets,
          network: entry.network,
          snapshotInit: entry.snapshotInit,
          singleUse: entry.singleUse,
        }),
        tag: { [devTag]: "true" },
      },
      { ...terminal, isInteractive: false },
      signal,
    );
    const tookMs = Math.round(systemClock.nowMs() - startedAtMs);
    terminal.say(terminal.paint("green", `version ${version ?? "-"} in ${tookMs} ms`));
    // Not those of a session before.
    session.logs ??= showLogs(session, updatedAtMs);
  } catch (error) {
    return tell(session, error);
  }
  if (options.invoke) await call(session);
}

async function call(session: Session): Promise<void> {
  const { client, terminal, name, signal } = session;
  try {
    const payload = await payloadOf(session);
    // By its number: VMs of the version before may answer for a moment otherwise.
    const { version: qualifier = "" } = await client.getFunction(name, { signal });
    const result = await client.invoke(name, payload, { qualifier, signal });
    terminal.out(`${JSON.stringify(result.payload)}\n`);
    const [how = ""] = describeResult(result, terminal).split("\n");
    terminal.say(`${how} · version ${result.version}`);
  } catch (error) {
    tell(session, error);
  }
}

function tell({ terminal, signal }: Session, error: unknown): void {
  if (!signal.aborted) printFailure(terminal, TidepoolError.from(error), false);
}

/** Read for each call: an event is edited as code is. */
async function payloadOf({ folder, options }: Session): Promise<unknown> {
  const given = options.payload;
  if (given !== undefined && !given.startsWith("@")) return parseJson(given, "--payload");
  if (given !== undefined) return parseJson(await readGiven(given.slice(1)), given.slice(1));
  const file = join(folder, eventFileName);
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? null : parseJson(text, file);
}

async function showLogs(
  { client, terminal, name, signal }: Session,
  fromMs: number,
): Promise<void> {
  try {
    for await (const { stream, text } of client.getLogs(name, { follow: true, fromMs, signal }))
      terminal.out(`${terminal.paintOut("dim", stream === "stderr" ? "!" : "|")} ${text}\n`);
  } catch (error) {
    if (!signal.aborted) terminal.say(`logs end: ${TidepoolError.from(error).message}`);
  }
}

async function chooseFunction(
  folder: string,
  asked: string | undefined,
): Promise<{ readonly name: string; readonly entry: ProjectFunction }> {
  const project = await readProject(folder);
  if (project === undefined) return { name: asked ?? basename(folder), entry: {} };
  const names = Object.keys(project.functions);
  const name = asked ?? (names.length === 1 ? names[0] : undefined);
  const entry = name === undefined ? undefined : project.functions[name];
  if (name !== undefined && entry !== undefined) return { name, entry };
  throw usageError(
    name === undefined
      ? `${folder} has ${names.length} functions: ${names.join(", ")}`
      : `${folder} has no function '${name}'; it has ${names.join(", ")}`,
    "name one with --function",
  );
}
