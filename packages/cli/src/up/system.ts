/** The parts of a system on one machine: nats-server, scheduler, host-agent, frontend, as children of this process. */
import { readFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startNatsServer } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import { formatDuration } from "../terminal/format.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { startService } from "./service-process.ts";
import type { RunningProcess } from "./service-process.ts";
import type { StateFolder } from "./state-folder.ts";
import type { PartSpec, Supervisor } from "./supervisor.ts";

export const hypervisors = ["qemu", "libvirt", "simulated"] as const;
export type HypervisorName = (typeof hypervisors)[number];

export interface SystemOptions {
  /** Of the frontend, "127.0.0.1:7070". */
  readonly address: string;
  readonly hypervisor: HypervisorName;
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
  await checkPortIsFree(options.address);
  const nats = natsPart(folder);
  await startPart(nats.spec, supervisor, terminal, signal);
  const env = { ...process.env, TIDEPOOL_NATS_URL: nats.url() };
  const service = (name: string, own: NodeJS.ProcessEnv): PartSpec => ({
    name,
    start: (partSignal) =>
      startService({
        name,
        main: join(repositoryRoot, "services", name, "dist", "main.js"),
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
    service("frontend", { TIDEPOOL_FRONTEND_ADDRESS: options.address }),
  ];
  await Promise.all(parts.map((part) => startPart(part, supervisor, terminal, signal)));
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

const newestLinesMax = 20;

function newestLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-newestLinesMax);
  } catch {
    return [];
  }
}

/** Before anything is started: a service that dies of it would be started again and again. */
async function checkPortIsFree(address: string): Promise<void> {
  const colon = address.lastIndexOf(":");
  const [host, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    throw new TidepoolError("unavailable", `the frontend's port ${port} is taken`, {
      cause: error,
      details: { hint: "free it, or choose another with --port PORT" },
    });
  } finally {
    server.close();
  }
}
