/**
 * Deploys what a project file says: reads all code, has the server check all settings, shows what differs,
 * and then changes that and nothing else. A mistake anywhere changes nothing.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { TidepoolError } from "@tidepool/common";
import type { FunctionDescription, TidepoolClient } from "@tidepool/sdk";
import { checkHandler, readCode } from "../code/archive.ts";
import { sendCode } from "../code/send-code.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { compareFunction } from "./compare.ts";
import type { FunctionChange, WantedFunction } from "./compare.ts";
import { describeChange } from "./describe-change.ts";
import type { Project } from "./schema.ts";
import { compareSchedules } from "./schedules.ts";
import type { ScheduleChange } from "./schedules.ts";
import { settingsOf } from "./settings-of.ts";

export interface ProjectOptions {
  /** Only these functions of the file; all when empty. */
  readonly only: readonly string[];
  /** Show what differs, and change nothing. */
  readonly isDryRun: boolean;
}

interface Step extends WantedFunction {
  readonly zip: Buffer;
  readonly deployed: FunctionDescription | undefined;
  readonly change: FunctionChange;
  readonly schedules: readonly ScheduleChange[];
}

/** Of one function: what differed of itself, and of its schedules. */
export interface ProjectChange extends FunctionChange {
  readonly schedules: readonly ScheduleChange[];
}

/** @returns what differed, in the file's order */
export async function deployProject(
  client: TidepoolClient,
  folder: string,
  project: Project,
  { only, isDryRun }: ProjectOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly ProjectChange[]> {
  const steps = await plan(client, folder, chosen(project, only), signal);
  for (const { change, schedules, codeBytes, deployed } of steps)
    terminal.say(describeChange({ ...change, schedules }, codeBytes, deployed, terminal));
  if (!isDryRun) {
    for (const step of steps)
      if (step.change.kind !== "none") await apply(client, step, terminal, signal);
    // After the functions: a schedule may call one that is new.
    for (const { schedules } of steps)
      for (const schedule of schedules) await applySchedule(client, schedule, signal);
  }
  return steps.map(({ change, schedules }) => ({ ...change, schedules }));
}

function chosen({ functions }: Project, only: readonly string[]): Project["functions"] {
  const unknown = only.filter((name) => functions[name] === undefined);
  if (unknown.length > 0)
    throw new TidepoolError(
      "invalid",
      `tidepool.yaml has no function '${unknown.join("', '")}'; it has ${Object.keys(functions).join(", ")}`,
      { component: "client" },
    );
  if (only.length === 0) return functions;
  return Object.fromEntries(Object.entries(functions).filter(([name]) => only.includes(name)));
}

/** All problems of all functions in one error: nothing has been changed yet. */
async function plan(
  client: TidepoolClient,
  folder: string,
  functions: Project["functions"],
  signal: AbortSignal,
): Promise<readonly Step[]> {
  const deployed = new Map(
    (await client.listFunctions({ signal })).map((each) => [each.name, each] as const),
  );
  const allSchedules = Object.values(functions).some(({ schedules }) => schedules !== undefined)
    ? await client.schedules.list("", { signal })
    : [];
  const steps: Step[] = [];
  const problems: string[] = [];
  for (const [name, entry] of Object.entries(functions)) {
    try {
      const settings = await client.checkSettings(name, settingsOf(entry), { signal });
      const path = resolve(folder, entry.path ?? ".");
      const archive = await readCode(path, settings.handler);
      checkHandler(settings.handler, archive, path, settings.runtime);
      const codeDigest = `sha256:${createHash("sha256").update(archive.zip).digest("hex")}`;
      const wanted = { name, settings, codeDigest, codeBytes: archive.zip.length };
      const before = deployed.get(name);
      const change = compareFunction(wanted, before);
      const schedules = compareSchedules(name, entry, allSchedules);
      steps.push({ ...wanted, zip: archive.zip, deployed: before, change, schedules });
    } catch (error) {
      const { code, message } = TidepoolError.from(error);
      if (code !== "invalid" && code !== "notFound" && code !== "tooLarge") throw error;
      problems.push(`${name}: ${message}`);
    }
  }
  if (problems.length > 0)
    throw new TidepoolError("invalid", problems.join("\n"), { component: "client" });
  return steps;
}

async function applySchedule(
  client: TidepoolClient,
  { name, settings }: ScheduleChange,
  signal: AbortSignal,
): Promise<void> {
  if (settings === undefined) await client.schedules.delete(name, { signal });
  else await client.schedules.put(name, settings, { signal });
}

async function apply(
  client: TidepoolClient,
  { name, settings, zip, deployed, change }: Step,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (!change.isCodeNew) {
    await client.updateFunction(name, settings, {
      signal,
      ...(deployed && { revision: deployed.revision }),
    });
    return;
  }
  await sendCode(client, { name, settings, zip }, terminal, {
    signal,
    ...(deployed && { revision: deployed.revision }),
  });
}
