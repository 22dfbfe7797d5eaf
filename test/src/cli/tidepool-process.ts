/** The `tidepool` command as users run it: a process with an exit code and two outputs. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { repositoryRoot } from "../repository.ts";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when stderr holds the text. */
  says(text: string): Promise<void>;
}

const main = join(repositoryRoot, "packages", "cli", "dist", "main.js");
/** As a shell runs it. */
export const tidepoolCommand = `'${process.execPath}' '${main}'`;

const sayMaxMs = 120_000;

export function startTidepool(
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly stdin?: string } = {},
): Running {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(options.stdin ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  const says = async (text: string): Promise<void> => {
    const untilMs = Date.now() + sayMaxMs;
    while (!stderr.includes(text)) {
      if (child.exitCode !== null || Date.now() > untilMs)
        throw new Error(`tidepool never said '${text}', but:\n${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { process: child, ended, says };
}

export function runTidepool(
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly stdin?: string } = {},
): Promise<Ended> {
  return startTidepool(args, options).ended;
}
