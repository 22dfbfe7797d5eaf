/**
 * A whole system as its operator runs it: a real nats-server and the services as processes of their own.
 * stop() ends them in order and removes what they kept on disk.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startNatsServer } from "@tidepool/actors";
import type { NatsServer } from "@tidepool/actors";
import { TidepoolClient } from "@tidepool/sdk";
import { repositoryRoot } from "../repository.ts";
import { waitFor } from "./wait-for.ts";

export type ServiceName = "frontend" | "scheduler" | "host-agent";

export interface SystemOptions {
  readonly hypervisor: "qemu" | "libvirt" | "simulated";
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningSystem {
  readonly client: TidepoolClient;
  readonly address: string;
  readonly natsUrl: string;
  /** Resolves when a VM of the pool waits: a first call is to find one, however slow the machine is. */
  poolReady(): Promise<void>;
  /** Of one service, so that a test can end it from outside. */
  process(name: ServiceName): ChildProcess;
  /** Starts one again that has ended; resolves when it is ready. */
  startAgain(name: ServiceName): Promise<void>;
  /** Stops nats-server and starts it again on the same port with the same store. */
  stopNats(): Promise<void>;
  startNats(): Promise<void>;
  stop(): Promise<void>;
}

const readyMaxMs = 90_000;
const lastLinesMax = 30;

export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  const folder = await mkdtemp(join(tmpdir(), "tidepool-system-"));
  const processes = new Map<ServiceName, ChildProcess>();
  let nats: NatsServer | undefined;
  let client: TidepoolClient | undefined;
  const stop = async (): Promise<void> => {
    client?.close();
    for (const name of ["frontend", "scheduler", "host-agent"] as const) {
      await endProcess(processes.get(name));
    }
    await nats?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    nats = await startNatsServer({ storeDir: join(folder, "nats") });
    const natsUrl = nats.url;
    const env = {
      ...process.env,
      TIDEPOOL_NATS_URL: natsUrl,
      TIDEPOOL_HYPERVISOR: options.hypervisor,
      TIDEPOOL_STATE_DIR: join(folder, "state"),
      TIDEPOOL_FRONTEND_ADDRESS: "127.0.0.1:0",
      TIDEPOOL_HTTP_ADDRESS: "127.0.0.1:0",
      TIDEPOOL_HOST_ID: "h-1",
      TIDEPOOL_POOL_BASE_TARGET: "3",
      ...options.env,
    };
    const [, , frontend] = await Promise.all([
      startService("host-agent", env, processes),
      startService("scheduler", env, processes),
      startService("frontend", env, processes),
    ]);
    const address = String(frontend["address"]);
    const connected = (client = await TidepoolClient.connect(address));
    return {
      client: connected,
      address,
      natsUrl,
      async poolReady() {
        await waitFor("a ready VM", () => hasReadyVm(connected), Boolean);
      },
      process(name) {
        const child = processes.get(name);
        if (child === undefined) throw new Error(`${name} does not run`);
        return child;
      },
      async startAgain(name) {
        await startService(name, env, processes);
      },
      stopNats: async () => nats?.stop(),
      async startNats() {
        nats = await startNatsServer({
          storeDir: join(folder, "nats"),
          port: Number(new URL(natsUrl).port),
        });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function hasReadyVm(client: TidepoolClient): Promise<boolean> {
  for await (const { pools } of client.watchPools()) {
    return pools.some(({ memoryMib, ready }) => memoryMib === 128 && ready > 0);
  }
  return false;
}

/** Resolves with the fields of the service's line "ready". */
export function startService(
  name: ServiceName,
  env: NodeJS.ProcessEnv,
  processes: Map<ServiceName, ChildProcess>,
): Promise<Record<string, unknown>> {
  const main = join(repositoryRoot, "services", name, "src", "main.ts");
  const child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", main], {
    cwd: repositoryRoot,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  processes.set(name, child);
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new Error(`${name} ${why}; it said:\n${lines.join("\n")}`));
    const timer = setTimeout(() => fail(`was not ready in ${readyMaxMs} ms`), readyMaxMs);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, signal) => fail(`ended with ${code ?? signal ?? "nothing"}`));
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      if (lines.length > lastLinesMax) lines.shift();
      if (!line.includes('"msg":"ready"')) return;
      clearTimeout(timer);
      resolve(JSON.parse(line) as Record<string, unknown>);
    });
  });
}

export async function endProcess(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await gone;
  clearTimeout(timer);
}
