/**
 * Every process of a run of `up`, also grandchildren in groups of their own such as VMs: they inherit a mark
 * in their environment. By it a run ends what a killed part left behind, and nothing else.
 */
import { readdirSync, readFileSync } from "node:fs";
import { systemClock } from "@tidepool/common";

export const runMark = "TIDEPOOL_RUN_ID";

const endMaxMs = 15_000;
const endPollMs = 10;
/** Among those from the third on. */
const threadCountField = 17;

/** Processes that inherited the mark; never this one. */
function findRunProcesses(runId: string): number[] {
  const mark = `${runMark}=${runId}`;
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => environmentOf(pid).includes(mark))
    .map(Number);
}

/** Ends them at once. @returns their ids */
export function killRunProcesses(runId: string): number[] {
  const found = findRunProcesses(runId);
  for (const pid of found) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // already gone
    }
  }
  return found;
}

/** Ends them and waits until they have given back what they held: ports, files. */
export async function endRunProcesses(runId: string): Promise<void> {
  const untilMs = Date.now() + endMaxMs;
  const killed = killRunProcesses(runId);
  while (killed.some(isRunning) && Date.now() < untilMs) await systemClock.sleep(endPollMs);
}

/**
 * A zombie has given everything back, only its parent has not asked for it yet; but not while one of its threads
 * still ends, which holds ports and files as the whole process did.
 */
function isRunning(pid: number): boolean {
  const stat = statOf(pid);
  const isZombie = stat?.[0] === "Z" || stat?.[0] === "X";
  return stat !== undefined && !(isZombie && Number(stat[threadCountField]) <= 1);
}

/** Empty for a process that is gone or another user's. */
function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}

/** Clock ticks from boot to the process's start, which tell a reused pid. */
export function startTicksOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** The fields of /proc/PID/stat from the third on; the name in the second may hold blanks and parentheses. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
