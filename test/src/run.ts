/**
 * Every test there is, in one mocha run, after what they need is there: Debian packages and the guest image.
 * Nothing is skipped in silence: what cannot be installed or built fails the run with its reason.
 * Arguments go to mocha.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureImage, ensurePackages, openTerminal, testPackages } from "@tidepool/cli";
import { TidepoolError } from "@tidepool/common";
import { repositoryRoot, sourceFiles } from "./repository.ts";

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
  if (process.geteuid?.() === 0) return runMocha([], specs, signal);
  const [networks, others] = [
    specs.filter(makesNetworks),
    specs.filter((spec) => !makesNetworks(spec)),
  ];
  const codes = [
    await runMocha([], others, signal),
    await runMocha(asRootOfItsOwn, networks, signal),
  ];
  return Math.max(...codes);
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
function runMocha(
  launcher: readonly string[],
  specs: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const mocha = join(repositoryRoot, "node_modules", "mocha", "bin", "mocha.js");
  const endHook = join(repositoryRoot, "test", "src", "end-hook.ts");
  const given = process.argv.slice(2);
  const command = [process.execPath, mocha, "--require", endHook, ...given, ...specs];
  const [program = "", ...args] = [...launcher, ...command];
  const child = spawn(program, args, { cwd: repositoryRoot, stdio: "inherit" });
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
