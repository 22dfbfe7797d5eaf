/**
 * The parts of a system on one machine, as children of this process: nats-server, scheduler, host-agent,
 * frontend, and with the libvirt driver a libvirtd of its own when the environment names none.
 */
import { rename } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startNatsServer } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import { formatDuration } from "../terminal/format.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { libvirtUri } from "./libvirtd-place.ts";
import type { LibvirtdPlace } from "./libvirtd-place.ts";
import { ensureSecretsKey } from "./secrets-key.ts";
import { newestLines } from "./newest-lines.ts";
import { flagsOf, startService } from "./service-process.ts";
import type { RunningProcess } from "./service-process.ts";
import type { StateFolder } from "./state-folder.ts";
import type { PartSpec, Supervisor } from "./supervisor.ts";

export const hypervisors = ["qemu", "libvirt", "simulated"] as const;
export type HypervisorName = (typeof hypervisors)[number];

export interface SystemOptions {
  /** Of the frontend, "127.0.0.1:7070". */
  readonly address: string;
  /** Of function URLs, "127.0.0.1:7080". */
  readonly httpAddress: string;
  readonly hypervisor: HypervisorName;
  /** Of the one to be started; absent: none is. */
  readonly libvirtd: LibvirtdPlace | undefined;
}

const repositoryRoot = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
/** A host-agent may probe KVM and boot its template twice, on a slow machine without KVM. */
export const readyMaxMs = 180_000;

/** Starts all parts; they are the supervisor's to stop, also when this fails half way. */
export async function startSystem(
  options: SystemOptions,
  folder: StateFolder,
  supervisor: Supervisor,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  await checkPortIsFree("the frontend's port", options.address, "--port");
  await checkPortIsFree("the port of function URLs", options.httpAddress, "--http-port");
  const nats = natsPart(folder);
  await startPart(nats.spec, supervisor, terminal, signal);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    TIDEPOOL_NATS_URL: nats.url(),
    TIDEPOOL_SECRETS_KEY_FILE:
      process.env["TIDEPOOL_SECRETS_KEY_FILE"] ?? (await ensureSecretsKey(folder.path)),
  };
  const { libvirtd } = options;
  if (libvirtd !== undefined) {
    env["TIDEPOOL_LIBVIRTD_DIR"] = libvirtd.directory;
    if (libvirtd.cacheDir !== undefined) env["TIDEPOOL_CACHE_DIR"] = libvirtd.cacheDir;
    await startPart(libvirtdPart(folder, env), supervisor, terminal, signal);
    terminal.say(`  its VMs: virsh -c '${libvirtUri(libvirtd.directory)}' list`);
  }
  const service = (name: string, own: NodeJS.ProcessEnv): PartSpec => ({
    name,
    start: (partSignal) =>
      startService({
        name,
        main: join(repositoryRoot, "services", name, "dist", "main.js"),
        flags: flagsOf(name),
        env: { ...env, ...own },
        logPath: join(folder.logsPath, `${name}.log`),
        readyMaxMs,
        signal: partSignal,
      }),
  });
  const parts = [
    service("scheduler", { TIDEPOOL_SCHEDULER_ID: "scheduler-1" }),
    service("host-agent", {
      TIDEPOOL_HOST_ID: "host-1",
      TIDEPOOL_HYPERVISOR: options.hypervisor,
      TIDEPOOL_STATE_DIR: folder.hostPath,
    }),
    service("frontend", {
      TIDEPOOL_FRONTEND_ADDRESS: options.address,
      TIDEPOOL_HTTP_ADDRESS: options.httpAddress,
    }),
  ];
  await Promise.all(parts.map((part) => startPart(part, supervisor, terminal, signal)));
}

function libvirtdPart(folder: StateFolder, env: NodeJS.ProcessEnv): PartSpec {
  const name = "libvirtd";
  const main = join(repositoryRoot, "services", "host-agent", "dist", "libvirtd.js");
  const logPath = join(folder.logsPath, `${name}.log`);
  return {
    name,
    start: (signal) => startService({ name, main, env, logPath, readyMaxMs, signal }),
  };
}

async function startPart(
  spec: PartSpec,
  supervisor: Supervisor,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const startedAtMs = Date.now();
  await supervisor.start(spec, signal);
  terminal.say(`  ${spec.name.padEnd(12)} ready in ${formatDuration(Date.now() - startedAtMs)}`);
}

/** The server takes a free port at first, and the same one when it starts again: the others look for it there. */
function natsPart(folder: StateFolder): { spec: PartSpec; url: () => string } {
  const logFile = join(folder.logsPath, "nats-server.log");
  let url = "";
  const start = async (signal: AbortSignal): Promise<RunningProcess> => {
    signal.throwIfAborted();
    await rename(logFile, `${logFile}.1`).catch(() => {});
    const port = url === "" ? {} : { port: Number(new URL(url).port) };
    const server = await startNatsServer({ storeDir: folder.natsPath, logFile, ...port });
    url = server.url;
    const exited = new Promise<string>((resolve) => {
      server.process.once("exit", (code, killedBy) =>
        resolve(killedBy === null ? `exit code ${code ?? "unknown"}` : `signal ${killedBy}`),
      );
    });
    if (signal.aborted) await server.stop();
    signal.throwIfAborted();
    return {
      pid: server.process.pid ?? 0,
      exited,
      lastLines: () => newestLines(logFile),
      stop: () => server.stop(),
      kill: () => void server.process.kill("SIGKILL"),
    };
  };
  return { spec: { name: "nats-server", start }, url: () => url };
}

/** Before anything is started: a service that dies of it would be started again and again. */
async function checkPortIsFree(what: string, address: string, option: string): Promise<void> {
  const colon = address.lastIndexOf(":");
  const [host, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    throw new TidepoolError("unavailable", `${what} ${port} is taken`, {
      cause: error,
      details: { hint: `free it, or choose another with ${option} PORT` },
    });
  } finally {
    server.close();
  }
}
