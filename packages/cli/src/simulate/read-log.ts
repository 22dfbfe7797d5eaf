/**
 * Reads what is to be simulated: rows of a request trace (JSON lines), or any CSV with an instant and a
 * function's name in each line, in any order. Every complaint names the line and what is wrong with it.
 */
import { TidepoolError } from "@tidepool/common";
import { functionFromInstants, slotMsDefault } from "@tidepool/policy";
import type { SimulatedFunction, Workload } from "@tidepool/policy";
import { parseTraceRow } from "../replay/trace-file.ts";
import { csvFields } from "./csv.ts";
import { readLines } from "../files/lines.ts";
import type { Line } from "../files/lines.ts";
import { parseTimestamp } from "./timestamp.ts";

export const logFunctionsMax = 50_000;
export const logCallsMax = 10_000_000;
export const logDaysMax = 366;
export const functionNameLengthMax = 256;

const dayMs = 86_400_000;
/** Names that a header may have for its columns. */
const columnNames = {
  timestamp: ["timestamp", "time", "date", "at", "@timestamp", "datetime", "ts"],
  function: [
    "function",
    "function_name",
    "functionname",
    "name",
    "path",
    "route",
    "url",
    "handler",
  ],
} as const;

/** @throws TidepoolError `notFound` or `invalid`, naming file, line and problem */
export async function readLog(path: string): Promise<Workload> {
  let rows: TraceRows | CsvRows | undefined;
  for await (const line of readLines(path)) {
    if (line.text.trim() === "") continue;
    rows ??= line.text.trimStart().startsWith("{") ? new TraceRows(path) : new CsvRows(path);
    rows.add(line);
  }
  if (rows === undefined) throw invalid(`${path} has no rows`);
  return rows.workload();
}

class TraceRows {
  private readonly path: string;
  private readonly functions: SimulatedFunction[] = [];
  private readonly seen = new Map<string, number>();
  private slots = 0;
  private calls = 0;

  constructor(path: string) {
    this.path = path;
  }

  add({ text, number }: Line): void {
    const where = `${this.path} line ${number}`;
    const { id, weight, minutes, counts } = parseTraceRow(text, where);
    const before = this.seen.get(id);
    if (before !== undefined) throw invalid(`${where}: id '${id}' is already on line ${before}`);
    this.seen.set(id, number);
    for (const count of counts) this.calls += count;
    checkLimits(where, this.seen.size, this.calls);
    this.slots = Math.max(this.slots, (minutes.at(-1) ?? -1) + 1);
    this.functions.push({ id, weight, slots: minutes, counts });
  }

  workload(): Workload {
    return { functions: this.functions, slotMs: slotMsDefault, slots: this.slots };
  }
}

class CsvRows {
  private readonly path: string;
  private readonly atMsOf = new Map<string, number[]>();
  private readonly columns = { timestamp: 0, function: 1 };
  private calls = 0;
  private isFirst = true;
  private firstAtMs = Number.POSITIVE_INFINITY;
  private lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.path = path;
  }

  add({ text, number }: Line): void {
    const where = `${this.path} line ${number}`;
    const fields = csvFields(this.isFirst ? text.replace(/^\uFEFF/, "") : text);
    if (typeof fields === "string") throw invalid(`${where}: ${fields}: ${text.slice(0, 60)}`);
    const wasFirst = this.isFirst;
    this.isFirst = false;
    if (wasFirst && this.readHeader(fields, where)) return;
    const given = fields[this.columns.timestamp] ?? "";
    const name = fields[this.columns.function];
    if (name === undefined)
      throw invalid(
        `${where}: 'timestamp,function' with a comma is needed, got ${text.slice(0, 60)}`,
      );
    const atMs = parseTimestamp(given);
    if (atMs === undefined)
      throw invalid(`${where}: '${given}' is no instant: ISO 8601, or seconds or ms since 1970`);
    if (name === "" || name.length > functionNameLengthMax)
      throw invalid(
        `${where}: the function's name must have 1 to ${functionNameLengthMax} characters`,
      );
    this.note(where, name, atMs);
  }

  workload(): Workload {
    if (this.calls === 0) throw invalid(`${this.path} has a header and no rows`);
    const startAtMs = Math.floor(this.firstAtMs / slotMsDefault) * slotMsDefault;
    const functions = [...this.atMsOf].map(([id, atMs]) => {
      const since = atMs.map((at) => at - startAtMs).sort((a, b) => a - b);
      return functionFromInstants(id, since, slotMsDefault);
    });
    const slots = Math.floor((this.lastAtMs - startAtMs) / slotMsDefault) + 1;
    return { functions, slotMs: slotMsDefault, slots };
  }

  /**
   * Two columns with other names are taken as they stand.
   * @returns whether the first line is one: its first field is no instant, and none is in the place of one
   */
  private readHeader(fields: readonly string[], where: string): boolean {
    const names = fields.map((field) => field.toLowerCase());
    const place = (of: readonly string[]): number => names.findIndex((name) => of.includes(name));
    const timestamp = place(columnNames.timestamp);
    const called = place(columnNames.function);
    if (timestamp >= 0 && called >= 0) {
      Object.assign(this.columns, { timestamp, function: called });
      return true;
    }
    const isHeader = fields.length >= 2 && /^[a-z_@ ]+$/i.test(fields[0] ?? "");
    // Of more than two columns the wrong one would be taken for the functions', and nobody would see it.
    if (isHeader && fields.length > 2) {
      const [what, known] =
        timestamp < 0 ? ["instants", columnNames.timestamp] : ["functions", columnNames.function];
      throw invalid(`${where}: no column of ${what}: name it ${known.join(", ")}`);
    }
    return isHeader;
  }

  private note(where: string, name: string, atMs: number): void {
    this.calls += 1;
    this.firstAtMs = Math.min(this.firstAtMs, atMs);
    this.lastAtMs = Math.max(this.lastAtMs, atMs);
    let known = this.atMsOf.get(name);
    if (known === undefined) this.atMsOf.set(name, (known = []));
    known.push(atMs);
    checkLimits(where, this.atMsOf.size, this.calls);
    if (this.lastAtMs - this.firstAtMs > logDaysMax * dayMs)
      throw invalid(`${where}: the log spans more than ${logDaysMax} days`);
  }
}

function checkLimits(where: string, functions: number, calls: number): void {
  if (functions > logFunctionsMax)
    throw invalid(`${where}: the log has more than ${logFunctionsMax} functions`);
  if (calls > logCallsMax) throw invalid(`${where}: the log has more than ${logCallsMax} calls`);
}

function invalid(message: string): TidepoolError {
  return new TidepoolError("invalid", message);
}
