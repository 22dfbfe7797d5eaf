/**
 * Which QEMU processes on this host are domains of this host-agent: those whose command line carries a mark
 * with the agent's state folder. The process table is the only record, so it cannot disagree with itself
 * after a crash.
 */
import { chown, mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@tidepool/common";
import type { RunAs } from "./run-as.ts";

const killPollMs = 5;
const killWaitMaxMs = 5_000;

/** Arguments that mark a process: QEMU does nothing with a name. */
export function markArguments(stateDir: string, vmId: string): string[] {
  return ["-name", `guest=${quoted(stateDir)}/${vmId}`];
}

/** As it stands in QEMU's arguments, where a comma ends a value. */
export const quoted = (path: string): string => path.replaceAll(",", ",,");

/** The one folder that QEMU may write to, and where it works. */
export const socketsFolder = (stateDir: string): string => join(stateDir, "sockets");

export async function makeSocketsFolder(stateDir: string, runAs?: RunAs): Promise<void> {
  const folder = socketsFolder(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // The user may be another one than last time.
  if (runAs !== undefined) await chown(folder, runAs.uid, runAs.gid);
}

/** A second way in, for a host-agent that comes after this one; its name is below the process's folder. */
export function rejoinArguments(vmId: string): string[] {
  const socket = `socket,id=rejoin,path=${qmpFile(vmId)},server=on,wait=off`;
  return ["-chardev", socket, "-mon", "chardev=rejoin,mode=control"];
}

export const qmpFile = (vmId: string): string => `${vmId}.qmp`;

/** What QEMU does not take away when it is killed. */
export async function removeFiles(stateDir: string, vmId: string): Promise<void> {
  await rm(join(socketsFolder(stateDir), qmpFile(vmId)), { force: true });
}

export interface FoundDomain {
  readonly vmId: string;
  readonly pid: number;
  readonly hasNetwork: boolean;
}

export async function findDomains(stateDir: string): Promise<FoundDomain[]> {
  const found: FoundDomain[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    const line = await readFile(`/proc/${name}/cmdline`, "latin1").catch(() => "");
    const words = line.split("\0");
    const vmId = markedAs(words, stateDir);
    const hasNetwork = words.includes("-netdev");
    if (vmId !== undefined) found.push({ vmId, pid: Number(name), hasNetwork });
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
  const untilMs = systemClock.nowMs() + killWaitMaxMs;
  for (; systemClock.nowMs() < untilMs; await systemClock.sleep(killPollMs)) {
    const line = await readFile(`/proc/${String(domain.pid)}/cmdline`, "latin1").catch(() => "");
    if (markedAs(line.split("\0"), stateDir) !== domain.vmId) return;
  }
}

function markedAs(words: readonly string[], stateDir: string): string | undefined {
  const mark = `guest=${quoted(stateDir)}/`;
  const value = words[words.indexOf("-name") + 1];
  if (!words.includes("-name") || value?.startsWith(mark) !== true) return undefined;
  return value.slice(mark.length);
}
