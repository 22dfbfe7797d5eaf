/**
 * Which QEMU processes on this host are domains of this host-agent: those whose command line carries a mark
 * with the agent's state folder. The process table is the only record, so it cannot disagree with itself
 * after a crash.
 */
import { readFile, readdir, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const killPollMs = 5;
const killWaitMaxMs = 5_000;

/** Arguments that mark a process; QEMU writes its process id to the file and removes it at its end. */
export function markArguments(stateDir: string, vmId: string): string[] {
  return ["-name", `guest=${vmId}`, "-pidfile", pidFile(stateDir, vmId)];
}

/** A second way in, for a host-agent that comes after this one; its name is below the process's folder. */
export function rejoinArguments(vmId: string): string[] {
  const socket = `socket,id=rejoin,path=${qmpFile(vmId)},server=on,wait=off`;
  return ["-chardev", socket, "-mon", "chardev=rejoin,mode=control"];
}

export const qmpFile = (vmId: string): string => `${vmId}.qmp`;

/** What QEMU does not take away when it is killed. */
export async function removeFiles(stateDir: string, vmId: string): Promise<void> {
  const files = [pidFile(stateDir, vmId), `${stateDir}/${qmpFile(vmId)}`];
  await Promise.all(files.map((file) => rm(file, { force: true })));
}

export interface FoundDomain {
  readonly vmId: string;
  readonly pid: number;
}

export async function findDomains(stateDir: string): Promise<FoundDomain[]> {
  const found: FoundDomain[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    const line = await readFile(`/proc/${name}/cmdline`, "latin1").catch(() => "");
    const vmId = markedAs(line.split("\0"), stateDir);
    if (vmId !== undefined) found.push({ vmId, pid: Number(name) });
  }
  return found;
}

/** Resolves when the process is gone. */
export async function killDomain(stateDir: string, domain: FoundDomain): Promise<void> {
  try {
    process.kill(domain.pid, "SIGKILL");
  } catch {
    return removeFiles(stateDir, domain.vmId);
  }
  await untilGone(stateDir, domain);
  await removeFiles(stateDir, domain.vmId);
}

/** Resolves when the process is gone, or does not go. */
export async function untilGone(stateDir: string, domain: FoundDomain): Promise<void> {
  for (const until = Date.now() + killWaitMaxMs; Date.now() < until; await sleep(killPollMs)) {
    const line = await readFile(`/proc/${String(domain.pid)}/cmdline`, "latin1").catch(() => "");
    if (markedAs(line.split("\0"), stateDir) !== domain.vmId) return;
  }
}

/** Also what is to be removed after a kill, which QEMU does not survive to do itself. */
export function pidFile(stateDir: string, vmId: string): string {
  return `${stateDir}/${vmId}.pid`;
}

function markedAs(words: readonly string[], stateDir: string): string | undefined {
  const value = words[words.indexOf("-pidfile") + 1];
  if (!words.includes("-pidfile") || value === undefined) return undefined;
  const isOurs = value.startsWith(`${stateDir}/`) && value.endsWith(".pid");
  return isOurs ? value.slice(stateDir.length + 1, -".pid".length) : undefined;
}
