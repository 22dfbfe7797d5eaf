/** One nats-server of a cluster as a process of its own. */
import { spawn } from "node:child_process";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { systemClock, TidepoolError } from "@tidepool/common";
import { newestLines } from "../up/newest-lines.ts";
import { lastWords } from "../up/service-process.ts";
import type { RunningProcess } from "../up/service-process.ts";
import { natsPort } from "./nats-config.ts";
import type { NatsMember } from "./nats-config.ts";

const startMaxMs = 15_000;
const pollMs = 50;
const stopMaxMs = 5_000;

export interface NatsProcessOptions {
  readonly member: NatsMember;
  readonly config: string;
  readonly launcher: readonly string[];
  readonly folder: string;
  readonly logPath: string;
  readonly signal: AbortSignal;
}

/** Resolves when it answers on its port; that the cluster has a leader is another matter. */
export async function startNatsProcess(options: NatsProcessOptions): Promise<RunningProcess> {
  const { member, config, launcher, folder, logPath, signal } = options;
  signal.throwIfAborted();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const configPath = join(folder, "nats-server.conf");
  await writeFile(configPath, config, { mode: 0o600 });
  await rename(logPath, `${logPath}.1`).catch(() => {});
  const [program, ...args] = [...launcher, "nats-server", "-c", configPath, `--log=${logPath}`];
  const child = spawn(program, args, {
    stdio: "ignore",
    detached: true,
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin` },
  });
  let hasExited = false;
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, killedBy) =>
      resolve(killedBy === null ? `exit code ${code ?? "unknown"}` : `signal ${killedBy}`),
    );
  }).finally(() => (hasExited = true));
  const stop = async (): Promise<void> => {
    if (hasExited) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopMaxMs);
    await exited;
    clearTimeout(timer);
  };
  const deadlineAtMs = systemClock.nowMs() + startMaxMs;
  while (!hasExited && !signal.aborted && systemClock.nowMs() < deadlineAtMs) {
    if (await answers(member.address)) {
      return {
        pid: child.pid ?? 0,
        exited,
        lastLines: () => newestLines(logPath),
        stop,
        kill: () => void child.kill("SIGKILL"),
      };
    }
    await systemClock.sleep(pollMs);
  }
  await stop();
  signal.throwIfAborted();
  throw new TidepoolError(
    "unavailable",
    `${member.name} did not start${lastWords(newestLines(logPath))}`,
  );
}

function answers(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: natsPort, timeout: 1_000 });
    const end = (is: boolean) => (): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", end(true));
    socket.once("error", end(false));
    socket.once("timeout", end(false));
  });
}
