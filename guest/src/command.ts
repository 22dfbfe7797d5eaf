/**
 * Runs one program of the image build. Everything that it says goes to the build log; when it fails, the
 * error carries the command and the end of what it said.
 */
import { spawn } from "node:child_process";
import { appendFile } from "node:fs/promises";
import { TidepoolError } from "@tidepool/common";

const tailMaxCharacters = 2000;
const stdoutMaxBytes = 16 * 1024 * 1024;

export interface CommandOptions {
  readonly logPath: string;
  readonly cwd?: string;
  /** An open file that becomes the program's standard input. */
  readonly stdin?: number;
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
    env: { ...process.env, LC_ALL: "C" },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
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
  await log;
  if (ending === undefined) return Buffer.concat(stdout).toString();
  const said = tail.trim() === "" ? "" : `; it said: ${tail.trim()}`;
  throw new TidepoolError("unavailable", `command '${program}' failed (${ending})${said}`, {
    details: { program, words },
  });
}
