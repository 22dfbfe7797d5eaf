/**
 * One child process of `up`: a service's main under Node, in its own process group so that Ctrl-C reaches
 * only us and we end the children in order. Its log lines go to a bounded file; the line "ready" ends the wait.
 */
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import type { WriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { TidepoolError } from "@tidepool/common";
import { deferred } from "../deferred.ts";

export interface RunningProcess {
  readonly pid: number;
  /** Settles once, with why it ended. */
  readonly exited: Promise<string>;
  /** Newest lines of its log. */
  lastLines(): readonly string[];
  /** Asks it to stop, then ends it and its group; idempotent. */
  stop(): Promise<void>;
  /** Ends it and its group at once. */
  kill(): void;
}

export interface ServiceOptions {
  readonly name: string;
  /** Path of its main. */
  readonly main: string;
  /** What its command begins with, as `ip netns exec NAME`; none when absent. It must become the process, not start it. */
  readonly launcher?: readonly string[];
  /** Of Node. */
  readonly flags?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logPath: string;
  readonly readyMaxMs: number;
  readonly signal: AbortSignal;
}

/**
 * What each call leaves behind is garbage at once: with more room for it, in MiB, less is taken for lasting and copied.
 * It is taken as it is needed, three times over at most.
 */
const schedulerFlags = ["--max-semi-space-size=64"];

/** Of Node, for a service. */
export function flagsOf(service: string): readonly string[] {
  return service === "scheduler" ? schedulerFlags : [];
}

export const logBytesMax = 16 * 1024 * 1024;
/** A service gives itself 15 s to stop. */
export const stopMaxMs = 20_000;
const keptLinesMax = 20;

/** @throws TidepoolError `unavailable` when it ends or stays silent before it is ready */
export async function startService(options: ServiceOptions): Promise<RunningProcess> {
  const { name, main, launcher = [], flags = [], env, logPath, readyMaxMs, signal } = options;
  signal.throwIfAborted();
  const [program, ...args] = [...launcher, process.execPath, ...flags, main];
  const child = spawn(program, args, {
    env,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const log = await openLog(logPath);
  const lines: string[] = [];
  const ready = deferred<void>();
  const exited = deferred<string>();
  createInterface({ input: child.stderr }).on("line", (line) => {
    log.write(line);
    lines.push(line);
    if (lines.length > keptLinesMax) lines.shift();
    if (isReady(line)) ready.resolve();
  });
  child.once("error", (error) => exited.resolve(error.message));
  // "close" comes after the last line of its log, "exit" may come before.
  child.once("close", (code, killedBy) => {
    log.end();
    exited.resolve(killedBy === null ? `exit code ${code ?? "unknown"}` : `signal ${killedBy}`);
  });
  let hasExited = false;
  void exited.promise.then(() => (hasExited = true));

  const kill = (): void => {
    if (child.pid !== undefined) killGroup(child.pid, "SIGKILL");
  };
  const stop = async (): Promise<void> => {
    if (!hasExited) {
      child.kill("SIGTERM");
      const timer = setTimeout(kill, stopMaxMs);
      await exited.promise;
      clearTimeout(timer);
    }
    kill(); // whatever of its group it left
  };
  const running: RunningProcess = {
    pid: child.pid ?? 0,
    exited: exited.promise,
    lastLines: () => lines,
    stop,
    kill,
  };

  const settled = new AbortController();
  const problem = await Promise.race([
    ready.promise.then(() => undefined),
    exited.promise.then((reason) => `ended before it was ready (${reason})`),
    after(readyMaxMs, AbortSignal.any([signal, settled.signal])).then(() =>
      signal.aborted ? "was cancelled" : `was not ready in ${readyMaxMs} ms`,
    ),
  ]);
  settled.abort();
  if (problem === undefined) return running;
  await stop();
  signal.throwIfAborted();
  throw new TidepoolError("unavailable", `${name} ${problem}${lastWords(lines)}`, {
    details: { hint: `its log is ${logPath}` },
  });
}

function isReady(line: string): boolean {
  try {
    const { msg, message } = JSON.parse(line) as { msg?: unknown; message?: unknown };
    return msg === "ready" || message === "ready";
  } catch {
    return false; // not a log line: a crash's stack, for instance
  }
}

/** The newest log lines, readable: the message and error of a JSON line. */
export function lastWords(lines: readonly string[], count = 5): string {
  const shown = lines.slice(-count).map((line) => `\n    ${readable(line)}`);
  return shown.length === 0 ? "" : `; its last lines:${shown.join("")}`;
}

const shownLengthMax = 300;

function readable(line: string): string {
  try {
    const { level, msg, error } = JSON.parse(line) as Record<string, unknown>;
    const cause =
      typeof error === "object" && error !== null && "message" in error ? error.message : error;
    const text = `${String(level)}: ${String(msg)}${cause === undefined ? "" : ` (${typeof cause === "string" ? cause : JSON.stringify(cause)})`}`;
    return text.slice(0, shownLengthMax);
  } catch {
    return line.slice(0, shownLengthMax);
  }
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // the group is empty
  }
}

async function after(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(resolve, ms);
    timer.unref();
    signal.addEventListener("abort", end, { once: true });
  });
}

interface BoundedLog {
  write(line: string): void;
  end(): void;
}

/** Appends; a file that would grow past its limit becomes ".1", which replaces the one before. */
async function openLog(path: string): Promise<BoundedLog> {
  await rm(`${path}.1`, { force: true });
  await rename(path, `${path}.1`).catch(() => {});
  let bytes = 0;
  let file: WriteStream = createWriteStream(path, { mode: 0o600 });
  let turning = Promise.resolve();
  const turn = async (): Promise<void> => {
    const full = file;
    await new Promise<void>((resolve) => full.end(resolve));
    await rename(path, `${path}.1`);
    file = createWriteStream(path, { mode: 0o600 });
  };
  return {
    write(line) {
      bytes += line.length + 1;
      if (bytes > logBytesMax) {
        bytes = line.length + 1;
        turning = turning.then(turn);
      }
      turning = turning.then(() => void file.write(`${line}\n`));
    },
    end: () => void turning.then(() => file.end()),
  };
}
