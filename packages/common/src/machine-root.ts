/** Root is not always root: an ordinary user may have a user namespace in which it bears that number. */
import { readFileSync } from "node:fs";

/** Whether we are root, and of more than a namespace in which there is no other user. */
export function isMachineRoot(): boolean {
  return process.geteuid?.() === 0 && !isAlone(readFileSync("/proc/self/uid_map", "utf8"));
}

/** @param uidMap as /proc/self/uid_map has it: to the machine its root is an ordinary user already */
export const isAlone = (uidMap: string): boolean => /^\s*0\s+[1-9]\d*\s+1\s*$/.test(uidMap);
