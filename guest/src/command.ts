/**
 * Runs one program of the image build. Everything that it says goes to the build log; when it fails, the
 * error carries the command and the end of what it said.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { appendFile } from "node:fs/promises";
import { TidepoolError } from "@tidepool/common";

const tailMaxCharacters = 2000;
/** Longest that a cancelled program may take to clean up. */
const endMaxMs = 5_000;
const stdoutMaxBytes = 16 * 1024 * 1024;

export interface CommandOptions {
  readonly logPath: string;
  /** For the error, where another program only starts the one that matters. */
  readonly name?: string;
  readonly cwd?: string;
  /** An open file that becomes the program's standard input. */
  readonly stdin?: number;
  /** Set besides our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called for each line on standard error. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Resolves with standard output. */
export async function runCommand(
  program: string,
  words: readonly string[],
  options: CommandOptions,
): Promise<string> {
  await appendFile(options.logPath, `$ ${[program, ...words].join(" ")}\n`);
  const child = spawn(program, words, {
    cwd: options.cwd,
    stdio: [options.stdin ?? "ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C", ...options.env },
    // Ctrl-C comes to us alone; a program that gets two signals at once does not clean up.
    detached: true,
  });
  const cancel = (): void => endInOrder(child);
  if (options.signal?.aborted === true) cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });
  const stdout: Buffer[] = [];
  let stdoutBytes = 0;
  let tail = "";
  let log = Promise.resolve();
  child.stdout?.on("data", (bytes: Buffer) => {
    stdoutBytes += bytes.length;
    if (stdoutBytes <= stdoutMaxBytes) stdout.push(bytes);
  });
  child.stderr?.on("data", (bytes: Buffer) => {
    const text = bytes.toString();
    tail = (tail + text).slice(-tailMaxCharacters);
    log = log.then(() => appendFile(options.logPath, text));
    if (options.onLine !== undefined) text.split("\n").forEach(options.onLine);
  });
  const ending = await new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => {
      resolve(error.message);
    });
    child.on("close", (code, signal) => {
      resolve(code === 0 ? undefined : signal === null ? `exit code ${String(code)}` : signal);
    });
  });
  options.signal?.removeEventListener("abort", cancel);
  await log;
  options.signal?.throwIfAborted();
  if (ending === undefined) return Buffer.concat(stdout).toString();
  const said = tail.trim() === "" ? "" : `; it said: ${tail.trim()}`;
  const name = options.name ?? program;
  throw new TidepoolError("unavailable", `command '${name}' failed (${ending})${said}`, {
    details: { program, words },
  });
}

/** It is asked alone, so that it can undo what it did; then its whole group is ended. */
function endInOrder(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  child.kill("SIGTERM");
  const end = setTimeout(() => {
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // the group is gone
    }
  }, endMaxMs);
  child.once("close", () => clearTimeout(end));
}
