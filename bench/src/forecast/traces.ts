/** Request traces: one gzipped JSON object a line, the slots (minutes) with requests and their counts. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

export interface TraceRow {
  readonly id: string;
  /** How many functions of the original population the row stands for. */
  readonly weight: number;
  readonly minutes: readonly number[];
  readonly counts: readonly number[];
}

export interface Trace {
  readonly name: string;
  readonly rows: readonly TraceRow[];
  readonly slots: number;
  /** What lies before is history only. */
  readonly scoredFrom: number;
}

export function readTrace(name: string, path: string, slots: number, scoredFrom: number): Trace {
  const text = gunzipSync(readFileSync(path)).toString("utf8");
  const rows = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TraceRow);
  return { name, rows, slots, scoredFrom };
}

export function readAzure(folder: string): Trace {
  return readTrace("azure", `${folder}/azure2019-1day.dev.jsonl.gz`, 1440, 480);
}

export function readGitcron(folder: string): Trace {
  return readTrace("gitcron", `${folder}/gitcron-14day.dev.jsonl.gz`, 20_160, 5760);
}
