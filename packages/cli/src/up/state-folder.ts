/**
 * The folder in which `up` keeps what outlives a run (NATS data: functions, code, learned history), the logs,
 * and the note of who runs in it. One `up` a folder: the note names the process, and what a killed one
 * left running is ended by the next.
 */
import { randomUUID } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ensureFolder, messageOf, TidepoolError } from "@tidepool/common";
import { endRunProcesses, startTicksOf } from "./run-processes.ts";

export interface StateFolder {
  readonly path: string;
  readonly natsPath: string;
  readonly hostPath: string;
  readonly logsPath: string;
  /** Marks the processes of this run. */
  readonly runId: string;
  /** Ends what is left of the run and removes the note; the data stays. */
  release(): Promise<void>;
}

interface RunNote {
  readonly pid: number;
  readonly startTicks: string;
  readonly runId: string;
  /** The frontend's; absent: a cluster's, which has several. */
  readonly address?: string;
}

export function stateFolderDefault(env: NodeJS.ProcessEnv): string {
  const base = env["XDG_STATE_HOME"] ?? "";
  return join(base.startsWith("/") ? base : join(homedir(), ".local", "state"), "tidepool");
}

/**
 * @param address of the frontend; undefined for a cluster
 * @throws TidepoolError `alreadyExists` when another `up` or a cluster runs in this folder
 */
export async function takeStateFolder(given: string, address?: string): Promise<StateFolder> {
  const path = resolve(given);
  const folder = {
    natsPath: join(path, "nats"),
    hostPath: join(path, "host"),
    logsPath: join(path, "logs"),
  };
  try {
    for (const each of Object.values(folder)) await ensureFolder(each, 0o700);
  } catch (error) {
    throw new TidepoolError(
      "invalid",
      `the data folder ${path} cannot be made: ${messageOf(error)}`,
      {
        cause: error,
        details: { hint: "choose another with --data DIR" },
      },
    );
  }
  const notePath = notePathOf(path);
  const runId = randomUUID();
  const { pid } = process;
  const startTicks = startTicksOf(pid) ?? "";
  await claim(notePath, path, {
    pid,
    startTicks,
    runId,
    ...(address === undefined ? {} : { address }),
  });
  return {
    path,
    ...folder,
    runId,
    async release() {
      await endRunProcesses(runId);
      await rm(notePath, { force: true });
    },
  };
}

/** The frontend's address of the `up` that runs in a folder, or undefined. */
export async function findRunning(
  path: string,
): Promise<{ readonly pid: number; readonly address: string } | undefined> {
  const note = await readNote(notePathOf(path));
  if (note?.address === undefined || !isAlive(note)) return undefined;
  return { pid: note.pid, address: note.address };
}

async function claim(notePath: string, folder: string, own: RunNote): Promise<void> {
  for (;;) {
    try {
      await writeFile(notePath, `${JSON.stringify(own)}\n`, { flag: "wx", mode: 0o600 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const other = await readNote(notePath);
    if (other !== undefined && isAlive(other)) throw alreadyRuns(folder, other);
    if (other !== undefined) await endRunProcesses(other.runId);
    await rm(notePath, { force: true });
  }
}

function alreadyRuns(folder: string, { pid, address }: RunNote): TidepoolError {
  const [what, where, another] =
    address === undefined
      ? ["a cluster", "", "--data DIR"]
      : ["a tidepool", `, frontend ${address}`, "--data DIR --port PORT"];
  const message = `${what} is already running in ${folder}: process ${pid}${where}`;
  const hint = `use it, or stop it with: kill ${pid} — or start another with ${another}`;
  return new TidepoolError("alreadyExists", message, { details: { hint } });
}

function notePathOf(folder: string): string {
  return join(folder, "run.json");
}

async function readNote(path: string): Promise<RunNote | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as RunNote;
  } catch {
    return undefined; // gone or cut short: nobody's
  }
}

function isAlive(note: RunNote): boolean {
  const ticks = startTicksOf(note.pid);
  return ticks !== undefined && ticks === note.startTicks;
}
