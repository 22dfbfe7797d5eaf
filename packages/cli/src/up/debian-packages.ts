/**
 * Installs the Debian packages that are missing, as root or through sudo, saying which and why. Elsewhere
 * than on Debian and its children it says what is needed, and stops.
 */
import { execFile, spawn } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { TidepoolError } from "@tidepool/common";
import type { HostPackage } from "@tidepool/guest";
import { startProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";

const run = promisify(execFile);

/** Programs of administration are not on everybody's PATH. */
export const searchPath = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/local/sbin`;

/** Where the program is, or undefined; a path is looked up as it is. */
export async function findProgram(name: string): Promise<string | undefined> {
  const candidates = name.startsWith("/")
    ? [name]
    : searchPath.split(delimiter).map((folder) => join(folder, name));
  for (const candidate of candidates) {
    const found = await access(candidate).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  return undefined;
}

/** Those whose program is not there. */
async function missingPackages(packages: readonly HostPackage[]): Promise<readonly HostPackage[]> {
  const found = await Promise.all(packages.map(({ provides }) => findProgram(provides)));
  return packages.filter((_, index) => found[index] === undefined);
}

async function isDebianLike(): Promise<boolean> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^(ID|ID_LIKE)=.*(debian|ubuntu)/m.test(text);
}

/** @throws TidepoolError `unavailable` with apt's own words */
export async function ensurePackages(
  packages: readonly HostPackage[],
  terminal: Terminal,
  signal?: AbortSignal,
): Promise<void> {
  const missing = await missingPackages(packages);
  if (missing.length === 0) return;
  if (!(await isDebianLike())) {
    const needed = missing.map(({ provides, purpose }) => `${provides} (${purpose})`).join(", ");
    throw new TidepoolError("unavailable", `programs are missing: ${needed}`, {
      details: { hint: "this is no Debian or Ubuntu: install them with its own package manager" },
    });
  }
  const names = missing.map(({ debianName }) => debianName);
  const rights = await rootRights(names);
  terminal.say(`installing ${missing.length} Debian packages:`);
  for (const { debianName, purpose } of missing) terminal.say(`  ${debianName}: ${purpose}`);
  if (rights.asks) await askForPassword(names, signal);
  const asRoot = (command: readonly string[], title: string): Promise<void> =>
    runAsRoot(rights, command, title, terminal, signal);
  // What an interrupted run left half configured would make apt refuse; does nothing otherwise.
  await asRoot(["dpkg", "--configure", "-a"], "dpkg --configure -a");
  await asRoot(["apt-get", "update"], "apt-get update");
  const install = ["sh", "-c", installScript, "sh", ...names];
  await asRoot(install, `apt-get install ${names.join(" ")}`);
}

/**
 * The progress goes to a descriptor of its own, opened behind sudo, which closes what it is given: on
 * descriptor 1 the packages' own scripts would find their standard output closed, and fail.
 */
const installScript =
  'exec apt-get install -y --no-install-recommends -o APT::Status-Fd=3 -o Dpkg::Use-Pty=0 "$@" 3>&1';

interface RootRights {
  /** What a command begins with to have them. */
  readonly prefix: readonly string[];
  /** Of a person at this terminal: what it has allowed holds for this session, so that nothing may leave that. */
  readonly asks: boolean;
}

async function rootRights(names: readonly string[]): Promise<RootRights> {
  const noninteractive = ["env", "DEBIAN_FRONTEND=noninteractive"];
  if (process.getuid?.() === 0) return { prefix: noninteractive, asks: false };
  const hasSudo = await run("sudo", ["-n", "true"]).then(
    () => true,
    () => false,
  );
  if (hasSudo) return { prefix: ["sudo", "-n", ...noninteractive], asks: false };
  const canAsk = process.stdin.isTTY === true && (await findProgram("sudo")) !== undefined;
  if (canAsk) return { prefix: ["sudo", ...noninteractive], asks: true };
  throw onlyRootMay(names);
}

/** Once, before anything is drawn over its prompt; sudo remembers it for a while. */
async function askForPassword(names: readonly string[], signal?: AbortSignal): Promise<void> {
  const child = spawn("sudo", ["-v"], { stdio: "inherit" });
  const code = await new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", resolve);
  });
  signal?.throwIfAborted();
  if (code !== 0) throw onlyRootMay(names);
}

function onlyRootMay(names: readonly string[]): TidepoolError {
  const list = names.join(" ");
  return new TidepoolError("unavailable", `only root may install what is missing: ${list}`, {
    details: { hint: `run as root: apt-get install -y --no-install-recommends ${list}` },
  });
}

const keptLinesMax = 400;
const shownLinesMax = 8;
const interruptMaxMs = 5_000;

async function runAsRoot(
  { prefix, asks }: RootRights,
  asked: readonly string[],
  title: string,
  terminal: Terminal,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const bar = startProgress(
    terminal,
    "installing packages",
    (percent) => `${Math.round(percent)} %`,
  );
  const [command = "", ...args] = [...prefix, ...asked];
  // In a group of its own Ctrl-C comes to us alone, and we end apt with its downloads; in ours it comes to all.
  const detached = !asks;
  const child = spawn(command, args, { stdio: ["inherit", "pipe", "pipe"], detached });
  const kept: string[] = [];
  const keep = (line: string): void => {
    kept.push(line);
    if (kept.length > keptLinesMax) kept.shift();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    const share = percentOf(line);
    if (share === undefined) keep(line);
    else bar.update(share, 100);
  });
  createInterface({ input: child.stderr }).on("line", keep);
  const interrupt = (): void => {
    const end = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(detached ? -child.pid : child.pid, name);
      } catch {
        // already gone, or sudo's, which a user may not end
      }
    };
    end("SIGTERM");
    setTimeout(() => end("SIGKILL"), interruptMaxMs).unref();
  };
  signal?.addEventListener("abort", interrupt, { once: true });
  const code = await new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (exitCode, killedBy) => resolve(exitCode ?? killedBy ?? "unknown"));
  });
  signal?.removeEventListener("abort", interrupt);
  bar.end();
  signal?.throwIfAborted();
  if (code === 0) return;
  throw new TidepoolError(
    "unavailable",
    `${title} failed (${code}):\n${firstTrouble(kept).join("\n")}`,
    { details: { hint: hintOf(kept) } },
  );
}

/** An older release lacks some of them, and no setting of apt helps there. */
export function hintOf(lines: readonly string[]): string {
  return lines.some((line) => line.startsWith("E: Unable to locate package"))
    ? "Debian 12 and Ubuntu 24.04 have all packages: is this an older release, or do the apt sources lack main or universe?"
    : "is the network there?";
}

/** The first complaint with the line before it: what follows is mostly its consequence. */
export function firstTrouble(lines: readonly string[]): readonly string[] {
  const told = lines.filter((line) => line.trim() !== "" && !line.startsWith("pm"));
  const first = told.findIndex((line) => /^(E:|dpkg: error)/.test(line));
  const start = first < 0 ? told.length - shownLinesMax : first - 1;
  return told.slice(Math.max(0, start), Math.max(0, start) + shownLinesMax);
}

/** apt's machine-readable progress, "dlstatus:1:12.5:…" downloads, then "pmstatus:qemu:40:…". */
export function percentOf(line: string): number | undefined {
  const [kind, , percent] = line.split(":");
  if (kind !== "dlstatus" && kind !== "pmstatus") return undefined;
  const share = Number(percent);
  if (!Number.isFinite(share)) return undefined;
  return kind === "dlstatus" ? share / 2 : 50 + share / 2;
}
