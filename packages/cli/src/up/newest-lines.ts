/** The end of a log file that a process writes by itself. */
import { readFileSync } from "node:fs";

const newestLinesMax = 20;

export function newestLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-newestLinesMax);
  } catch {
    return [];
  }
}
