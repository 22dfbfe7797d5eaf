/**
 * Which QEMU processes on this host are domains of this host-agent: those whose command line carries a mark
 * with the agent's state folder. The process table is the only record, so it cannot disagree with itself
 * after a crash.
 */
import { chown, mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemClock, TidepoolError } from "@tidepool/common";
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

/**
 * Resolves when the process is gone. What may not be killed may be another by now, or become ours to kill: it is
 * tried again for as long as one that was killed is waited for.
 * @throws TidepoolError `unavailable` when it is still there then
 */
export async function killDomain(
  stateDir: string,
  domain: FoundDomain,
  waitMaxMs = killWaitMaxMs,
): Promise<void> {
  const { vmId, pid } = domain;
  let refusal = `it has not ended ${String(waitMaxMs)} ms after it was killed`;
  const kill = (): void => {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      // Gone between a look and this: the next look sees it.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") refusal = messageOf(error);
    }
  };
  if (!(await untilGone(stateDir, domain, { waitMaxMs, again: kill })))
    throw new TidepoolError(
      "unavailable",
      `vm ${vmId}, process ${pid}, cannot be ended: ${refusal}`,
    );
  await removeFiles(stateDir, vmId);
}

/**
 * Resolves with whether the process is gone.
 * @param again what is done each time that it is still there
 */
export async function untilGone(
  stateDir: string,
  { vmId, pid }: FoundDomain,
  { waitMaxMs = killWaitMaxMs, again = (): void => undefined } = {},
): Promise<boolean> {
  const untilMs = systemClock.nowMs() + waitMaxMs;
  for (;;) {
    const line = await readFile(`/proc/${String(pid)}/cmdline`, "latin1").catch(() => "");
    if (markedAs(line.split("\0"), stateDir) !== vmId) return true;
    if (systemClock.nowMs() >= untilMs) return false;
    again();
    await systemClock.sleep(killPollMs);
  }
}

function markedAs(words: readonly string[], stateDir: string): string | undefined {
  const mark = `guest=${quoted(stateDir)}/`;
  const value = words[words.indexOf("-name") + 1];
  if (!words.includes("-name") || value?.startsWith(mark) !== true) return undefined;
  return value.slice(mark.length);
}
