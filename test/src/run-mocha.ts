/** One process of mocha over some test files, and what it reports of them. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reportFileVariable } from "./report.ts";
import type { TestReport } from "./report.ts";
import { repositoryRoot } from "./repository.ts";

/** Of one process, on a slow machine too; it is for one that hangs. */
const runMaxMs = 45 * 60_000;

export interface Run {
  readonly code: number;
  /** Undefined when mocha did not come to its end, or was given another reporter. */
  readonly report: TestReport | undefined;
}

export interface RunOptions {
  /** For mocha. */
  readonly args?: readonly string[];
  /** Its output comes whole when it has ended, so that the lines of several do not mix. */
  readonly isBeside?: boolean;
  readonly signal: AbortSignal;
}

/** Only root makes network namespaces: an ordinary user is root in a user namespace, with nothing to break outside. */
const asRootOfItsOwn = [
  "unshare",
  "--user",
  "--map-root-user",
  "--net",
  "--mount",
  "sh",
  "-c",
  'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"',
  "sh",
];

/** The files one after the other; those that make networks apart when the user is not root. */
export async function runFiles(files: readonly string[], options: RunOptions): Promise<Run> {
  if (process.geteuid?.() === 0) return runMocha([], files, options);
  const networks = files.filter(makesNetworks);
  const others = files.filter((file) => !makesNetworks(file));
  const runs: Run[] = [];
  if (others.length > 0) runs.push(await runMocha([], others, options));
  if (networks.length > 0) runs.push(await runMocha(asRootOfItsOwn, networks, options));
  return joined(runs);
}

function makesNetworks(file: string): boolean {
  return file.endsWith(".netns.test.ts");
}

/** Several runs as one: whole when each is. */
export function joined(runs: readonly Run[]): Run {
  const reports = runs.flatMap(({ report }) => report ?? []);
  const isWhole = reports.length === runs.length;
  return {
    code: Math.max(0, ...runs.map(({ code }) => code)),
    report: isWhole
      ? {
          passed: reports.flatMap(({ passed }) => passed),
          failed: reports.flatMap(({ failed }) => failed),
          took: reports.flatMap(({ took }) => took),
        }
      : undefined,
  };
}

/** @param launcher what its command begins with */
async function runMocha(
  launcher: readonly string[],
  files: readonly string[],
  options: RunOptions,
): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), "tidepool-tests-"));
  try {
    const path = join(folder, "report.json");
    const code = await spawnMocha(launcher, files, path, options);
    const isThere = existsSync(path);
    // With arguments it may be another reporter's.
    if (!isThere && options.args === undefined && !options.signal.aborted)
      process.stderr.write(`these tests did not come to their end: ${files.join(", ")}\n`);
    const report = isThere ? (JSON.parse(await readFile(path, "utf8")) as TestReport) : undefined;
    return { code, report };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function spawnMocha(
  launcher: readonly string[],
  files: readonly string[],
  reportPath: string,
  { args: given = [], isBeside = false, signal }: RunOptions,
): Promise<number> {
  const mocha = join(repositoryRoot, "node_modules", "mocha", "bin", "mocha.js");
  const own = (name: string): string => join(repositoryRoot, "test", "src", name);
  const options = ["--require", own("end-hook.ts"), "--reporter", own("report.ts")];
  const colour = isBeside && process.stdout.isTTY ? ["--color"] : [];
  const command = [process.execPath, mocha, ...options, ...colour, ...given, ...files];
  const [program = "", ...args] = [...launcher, ...command];
  const env = { ...process.env, [reportFileVariable]: reportPath };
  const output = isBeside ? "pipe" : "inherit";
  const child = spawn(program, args, {
    cwd: repositoryRoot,
    stdio: ["inherit", output, output],
    env,
  });
  const kept: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => kept.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => kept.push(chunk));
  const timer = setTimeout(() => {
    process.stderr.write(`the tests did not end in ${runMaxMs} ms: ${files.join(", ")}\n`);
    child.kill("SIGKILL");
  }, runMaxMs);
  const interrupt = (): void => void child.kill("SIGINT");
  signal.addEventListener("abort", interrupt, { once: true });
  return new Promise((resolve) => {
    child.once("close", (code) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", interrupt);
      process.stdout.write(Buffer.concat(kept));
      resolve(code ?? 1);
    });
  });
}
