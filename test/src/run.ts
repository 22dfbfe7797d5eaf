/**
 * Every test there is, in one mocha run, after what they need is there: Debian packages and the guest image.
 * Nothing is skipped in silence: what cannot be installed or built fails the run with its reason. What fails in
 * real time gets a second try, and is named. The last line is "N passed, N failed". Arguments go to mocha.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureImage, ensurePackages, openTerminal, testPackages } from "@tidepool/cli";
import { TidepoolError } from "@tidepool/common";
import { reportFileVariable } from "./report.ts";
import type { ReportedTest, TestReport } from "./report.ts";
import { repositoryRoot, sourceFiles } from "./repository.ts";
import { filesToTryAgain, judge } from "./second-try.ts";

/** Of the whole run, on a slow machine too; it is for a run that hangs. */
const runMaxMs = 45 * 60_000;

const rooms = ["proto", "packages", "services", "guest", "test"];

async function main(): Promise<number> {
  const terminal = openTerminal();
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => interrupt.abort(new TidepoolError("cancelled", signal)));
  try {
    await ensurePackages(testPackages, terminal, interrupt.signal);
    await ensureImage(terminal, { signal: interrupt.signal });
  } catch (error) {
    const { message, details } = TidepoolError.from(error);
    terminal.say(`the tests cannot run: ${message}`);
    if (typeof details["hint"] === "string") terminal.say(`  hint: ${details["hint"]}`);
    return 1;
  }
  const specs = rooms.flatMap((room) => sourceFiles(room, [".test.ts"])).toSorted(slowLast);
  const { signal } = interrupt;
  const first = await runSpecs(specs, signal);
  if (first.report === undefined || signal.aborted) return first.code || 1;
  const again = filesToTryAgain(first.report);
  if (again.length > 0) terminal.say(`\n== second try of ${again.join(", ")}`);
  const second = again.length > 0 ? await runSpecs(again, signal) : undefined;
  if (signal.aborted) return 1;
  const { passedCount, failed, unsteady } = judge(first.report, second?.report);
  if (unsteady.length > 0) say("passed at one of two tries", unsteady);
  if (failed.length > 0) say("failed", failed);
  process.stdout.write(`${passedCount} passed, ${failed.length} failed\n`);
  // The first code tells of failed tests only when there was a second try.
  const code = second === undefined ? first.code : 0;
  return failed.length > 0 ? 1 : code;
}

function say(what: string, tests: readonly ReportedTest[]): void {
  const lines = tests.map(({ file, title }) => `  ${file}: ${title}`);
  process.stdout.write(`${[`${what}:`, ...lines].join("\n")}\n`);
}

interface Run {
  readonly code: number;
  /** Undefined when mocha did not come to its end, or was given another reporter. */
  readonly report: TestReport | undefined;
}

async function runSpecs(specs: readonly string[], signal: AbortSignal): Promise<Run> {
  if (process.geteuid?.() === 0) return runMocha([], specs, signal);
  const networks = specs.filter(makesNetworks);
  const others = specs.filter((spec) => !makesNetworks(spec));
  const runs: Run[] = [];
  if (others.length > 0) runs.push(await runMocha([], others, signal));
  if (networks.length > 0) runs.push(await runMocha(asRootOfItsOwn, networks, signal));
  const reports = runs.flatMap(({ report }) => report ?? []);
  const isWhole = reports.length === runs.length;
  return {
    code: Math.max(...runs.map(({ code }) => code)),
    report: isWhole
      ? {
          passed: reports.flatMap(({ passed }) => passed),
          failed: reports.flatMap(({ failed }) => failed),
        }
      : undefined,
  };
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

function makesNetworks(spec: string): boolean {
  return spec.endsWith(".netns.test.ts");
}

/** What needs nothing runs first, so that a plain mistake shows at once. */
function slowLast(a: string, b: string): number {
  return rank(a) - rank(b) || a.localeCompare(b);
}

const kinds = [".nats.test.ts", ".netns.test.ts", ".vm.test.ts", ".libvirt.test.ts"];

function rank(path: string): number {
  const crossesServices = path.startsWith("test/") && !path.endsWith("architecture.test.ts");
  if (crossesServices) return kinds.length + 1;
  return kinds.findIndex((ending) => path.endsWith(ending)) + 1;
}

/** @param launcher what its command begins with */
async function runMocha(
  launcher: readonly string[],
  specs: readonly string[],
  signal: AbortSignal,
): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), "tidepool-tests-"));
  try {
    const path = join(folder, "report.json");
    const code = await spawnMocha(launcher, specs, path, signal);
    const isThere = existsSync(path);
    const report = isThere ? (JSON.parse(await readFile(path, "utf8")) as TestReport) : undefined;
    return { code, report };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function spawnMocha(
  launcher: readonly string[],
  specs: readonly string[],
  reportPath: string,
  signal: AbortSignal,
): Promise<number> {
  const mocha = join(repositoryRoot, "node_modules", "mocha", "bin", "mocha.js");
  const own = (name: string): string => join(repositoryRoot, "test", "src", name);
  const options = ["--require", own("end-hook.ts"), "--reporter", own("report.ts")];
  const command = [process.execPath, mocha, ...options, ...process.argv.slice(2), ...specs];
  const [program = "", ...args] = [...launcher, ...command];
  const env = { ...process.env, [reportFileVariable]: reportPath };
  const child = spawn(program, args, { cwd: repositoryRoot, stdio: "inherit", env });
  const timer = setTimeout(() => {
    process.stderr.write(`the tests did not end in ${runMaxMs} ms\n`);
    child.kill("SIGKILL");
  }, runMaxMs);
  signal.addEventListener("abort", () => child.kill("SIGINT"), { once: true });
  return new Promise((resolve) => {
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve(code ?? 1);
    });
  });
}

process.exitCode = await main();
