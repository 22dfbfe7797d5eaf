/**
 * Reads a request trace: one JSON object a line, plain or gzipped, with the minutes in which a function was
 * called and how often in each. Every complaint names the line.
 */
import { TidepoolError } from "@tidepool/common";
import { readLines } from "../files/lines.ts";

export interface TraceRow {
  readonly id: string;
  /** How many functions of the original population the row stands for. */
  readonly weight: number;
  /** Slots with calls, from the trace's start, ascending. */
  readonly minutes: readonly number[];
  /** Calls in each of them. */
  readonly counts: readonly number[];
}

export const traceRowsMax = 10_000;
/** A year of minutes. */
export const traceMinuteMax = 366 * 24 * 60;
/** Calls of one row in one minute. */
export const traceCountMax = 100_000;

/** @throws TidepoolError `notFound` or `invalid`, naming file, line and problem */
export async function readTrace(path: string): Promise<TraceRow[]> {
  const rows: TraceRow[] = [];
  const seen = new Map<string, number>();
  for await (const { text, number } of readLines(path)) {
    if (text.trim() === "") continue;
    const row = parseTraceRow(text, `${path} line ${number}`);
    const before = seen.get(row.id);
    if (before !== undefined)
      throw invalid(`${path} line ${number}: id '${row.id}' is already on line ${before}`);
    seen.set(row.id, number);
    rows.push(row);
    if (rows.length > traceRowsMax) throw invalid(`${path} has more than ${traceRowsMax} rows`);
  }
  if (rows.length === 0) throw invalid(`${path} has no rows`);
  return rows;
}

/** @param where "FILE line N", for the complaint */
export function parseTraceRow(line: string, where: string): TraceRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new TidepoolError("invalid", `${where} is not JSON: ${line.slice(0, 60)}`, {
      cause: error,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(`${where}: an object is needed`);
  const { id, weight = 1, minutes, counts } = value as Record<string, unknown>;
  if (typeof id !== "string" || id === "") throw invalid(`${where}: 'id' must be a text`);
  if (typeof weight !== "number" || !(weight >= 0))
    throw invalid(`${where}: 'weight' must be a number from 0`);
  if (!isIntegers(minutes, 0, traceMinuteMax))
    throw invalid(`${where}: 'minutes' must be a list of integers from 0 to ${traceMinuteMax}`);
  if (!isIntegers(counts, 1, traceCountMax))
    throw invalid(`${where}: 'counts' must be a list of integers from 1 to ${traceCountMax}`);
  if (minutes.length !== counts.length)
    throw invalid(`${where}: ${minutes.length} minutes but ${counts.length} counts`);
  const unordered = minutes.findIndex((minute, index) => minute <= (minutes[index - 1] ?? -1));
  if (unordered >= 0)
    throw invalid(`${where}: 'minutes' must ascend, ${minutes[unordered]} does not`);
  return { id, weight, minutes, counts };
}

function isIntegers(value: unknown, min: number, max: number): value is number[] {
  return (
    Array.isArray(value) &&
    value.every(
      (item) => Number.isInteger(item) && (item as number) >= min && (item as number) <= max,
    )
  );
}

function invalid(message: string): TidepoolError {
  return new TidepoolError("invalid", message);
}
