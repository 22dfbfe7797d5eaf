/**
 * `tidepool up`: from a bare machine to a running system and the main job, then it stays up. Whatever
 * happens, and whenever Ctrl-C comes, the way out stops every part and gives the folder back.
 */
import { TidepoolError, given } from "@tidepool/common";
import { withClient } from "../client.ts";
import { deferred } from "../deferred.ts";
import { httpPortOffset } from "../http-address.ts";
import { interruptible } from "../interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { runDemo, waitForPools } from "./demo.ts";
import { ensurePackages } from "./debian-packages.ts";
import { libvirtdPlace, openVmUserFolder } from "./libvirtd-place.ts";
import { killRunProcesses, runMark } from "./run-processes.ts";
import { ensureImage, systemPackages } from "./needs.ts";
import { takeStateFolder } from "./state-folder.ts";
import type { StateFolder } from "./state-folder.ts";
import { Supervisor } from "./supervisor.ts";
import { startSystem } from "./system.ts";
import type { HypervisorName } from "./system.ts";

export interface UpOptions {
  readonly dataPath: string;
  readonly port: number;
  /** Of function URLs; httpPortOffset above the other where none is given. */
  readonly httpPort?: number;
  readonly hypervisor: HypervisorName;
  readonly hasDemo: boolean;
  /** Of the demo's replay. */
  readonly speed: number;
}

/** Returns when it was told to stop after it was up; throws otherwise. */
export async function up(options: UpOptions, terminal: Terminal): Promise<void> {
  let folder: StateFolder | undefined;
  const kill = (): void => {
    if (folder !== undefined) killRunProcesses(folder.runId);
  };
  const run = async (signal: AbortSignal): Promise<void> => {
    folder = await takeStateFolder(options.dataPath, addressOf(options));
    try {
      await runIn(folder, options, terminal, signal);
    } finally {
      await folder.release();
    }
  };
  await interruptible(run, kill);
}

async function runIn(
  folder: StateFolder,
  options: UpOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  process.env[runMark] = folder.runId; // every child inherits it
  const address = addressOf(options);
  const supervisor = new Supervisor((line) => terminal.say(terminal.paint("yellow", line)));
  const stopped = untilAborted(signal);
  const orEnd = <T>(work: Promise<T>): Promise<T> =>
    Promise.race([work, supervisor.failed, stopped]);
  let isUp = false;
  try {
    terminal.say(`tidepool up · data in ${folder.path}`);
    await ensurePackages(systemPackages(options.hypervisor), terminal, signal);
    const libvirtd = libvirtdPlace(options.hypervisor, folder.path, process.env);
    if (libvirtd !== undefined) await openVmUserFolder(libvirtd);
    const cacheDir = libvirtd?.cacheDir;
    if (options.hypervisor !== "simulated")
      await ensureImage(terminal, { signal, ...given({ cacheDir }) });
    const httpAddress = httpAddressOf(options);
    const system = { address, httpAddress, hypervisor: options.hypervisor, libvirtd };
    await startSystem(system, folder, supervisor, terminal, signal);
    await orEnd(runMainJob(options, address, terminal, signal));
    isUp = true;
    sayHowToGoOn(terminal, options, folder);
    await orEnd(stopped);
  } catch (error) {
    if (!(signal.aborted && isUp)) throw error;
  } finally {
    terminal.status("");
    terminal.say("stopping …");
    await supervisor.stop();
    terminal.say(`stopped; functions and history stay in ${folder.path}`);
  }
}

async function runMainJob(
  options: UpOptions,
  address: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const tokenFile = process.env["TIDEPOOL_TOKEN_FILE"] ?? process.env["TIDEPOOL_ADMIN_TOKEN_FILE"];
  await withClient({ address, ...given({ tokenFile }) }, async (client) => {
    await waitForPools(client, terminal, signal);
    if (options.hasDemo) await runDemo(client, options.speed, terminal, signal);
  });
}

function httpAddressOf({ port, httpPort = port + httpPortOffset }: UpOptions): string {
  return `127.0.0.1:${httpPort}`;
}

function addressOf({ port }: UpOptions): string {
  return `127.0.0.1:${port}`;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  const aborted = deferred<never>();
  aborted.promise.catch(() => {}); // nobody may be waiting yet
  const stop = (): void => aborted.reject(TidepoolError.from(signal.reason));
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return aborted.promise;
}

function sayHowToGoOn(terminal: Terminal, options: UpOptions, folder: StateFolder): void {
  const at = options.port === 7070 ? "" : ` --address 127.0.0.1:${options.port}`;
  // Without the demo nothing is deployed yet.
  const first = options.hasDemo
    ? []
    : [`  ./tidepool${at} deploy examples/hello                     a first function`];
  const forecast = `  ./tidepool${at} forecast heartbeat                        what is expected of a function`;
  const lines = [
    "",
    terminal.paint("bold", `tidepool is up at 127.0.0.1:${options.port}. In another terminal:`),
    ...first,
    `  ./tidepool${at} invoke hello --payload '{"name":"Ada"}'   call a function`,
    `  ./tidepool${at} list                                      what is deployed`,
    `  ./tidepool${at} pools                                     watch the pools`,
    ...(options.hasDemo ? [forecast] : []),
    `  ./tidepool${at} deploy DIR                                your own code`,
    `Functions with a URL answer at http://${httpAddressOf(options)}/fn/NAME/`,
    `Logs are in ${folder.logsPath}. Ctrl-C stops it all.`,
  ];
  for (const line of lines) terminal.say(line);
}
