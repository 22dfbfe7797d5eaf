/**
 * Every process of a run of `up`, also grandchildren in groups of their own such as VMs: they inherit a mark
 * in their environment. By it a run ends what a killed part left behind, and nothing else.
 */
import { readdirSync, readFileSync } from "node:fs";

export const runMark = "TIDEPOOL_RUN_ID";

/** Processes that inherited the mark; never this one. */
export function findRunProcesses(runId: string): number[] {
  const mark = `${runMark}=${runId}`;
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => environmentOf(pid).includes(mark))
    .map(Number);
}

/** Ends them at once. @returns how many there were */
export function killRunProcesses(runId: string): number {
  const found = findRunProcesses(runId);
  for (const pid of found) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // already gone
    }
  }
  return found.length;
}

/** Empty for a process that is gone or another user's. */
function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}

/** Field 22 of /proc/PID/stat, which tells a reused pid; the name in field 2 may hold blanks and parentheses. */
export function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
