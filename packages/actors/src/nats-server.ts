/**
 * Starts a real nats-server with JetStream on free ports, for one machine and for tests. The child dies
 * with its owner's stop(); its data stays in `storeDir`.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, TidepoolError } from "@tidepool/common";

export interface NatsServer {
  /** "nats://127.0.0.1:port" */
  readonly url: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

export interface NatsServerOptions {
  readonly storeDir: string;
  /** A free one is taken when absent. */
  readonly port?: number;
  /** Where the server's log goes; discarded when absent. */
  readonly logFile?: string;
  /** Binary; found on PATH and in /usr/sbin when absent. */
  readonly binary?: string;
}

const startMaxMs = 10_000;
const pollMs = 10;
const stopMaxMs = 5_000;

/** @throws TidepoolError `unavailable` when the server does not start, with its last words */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const portsDir = join(options.storeDir, "ports");
  await rm(portsDir, { recursive: true, force: true });
  await mkdir(portsDir, { recursive: true });
  const child = spawn(
    options.binary ?? "nats-server",
    [
      `--addr=127.0.0.1`,
      `--port=${options.port ?? -1}`,
      `--jetstream`,
      `--store_dir=${options.storeDir}`,
      `--ports_file_dir=${portsDir}`,
      ...(options.logFile === undefined ? [] : [`--log=${options.logFile}`]),
    ],
    {
      stdio: ["ignore", "ignore", "pipe"],
      // Ctrl-C reaches the whole foreground group: the owner decides when NATS goes, last of all.
      detached: true,
      env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin` },
    },
  );
  let lastWords = "";
  child.stderr.on("data", (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString()).slice(-2_000);
  });
  let ended: string | undefined;
  const gone = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      ended = error.message;
      resolve();
    });
    child.once("exit", (code, signal) => {
      ended ??= `exit ${code ?? signal ?? "unknown"}`;
      resolve();
    });
  });

  const stop = async (): Promise<void> => {
    if (ended === undefined) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopMaxMs);
      await gone;
      clearTimeout(timer);
    }
    await rm(portsDir, { recursive: true, force: true });
  };

  const deadlineAtMs = Date.now() + startMaxMs;
  while (ended === undefined && Date.now() < deadlineAtMs) {
    const url = await readUrl(portsDir);
    if (url !== undefined) return { url, process: child, stop };
    await systemClock.sleep(pollMs);
  }
  await stop();
  throw new TidepoolError(
    "unavailable",
    `nats-server did not start: ${ended ?? `no port in ${startMaxMs} ms`} ${lastWords.trim()}`.trim(),
  );
}

async function readUrl(portsDir: string): Promise<string | undefined> {
  for (const name of await readdir(portsDir)) {
    if (!name.endsWith(".ports")) continue;
    try {
      const ports = JSON.parse(await readFile(join(portsDir, name), "utf8")) as { nats?: string[] };
      return ports.nats?.[0];
    } catch {
      return undefined; // half written: look again
    }
  }
  return undefined;
}
