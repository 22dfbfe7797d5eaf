/**
 * Reads a request trace: one JSON object a line, plain or gzipped, with the minutes in which a function was
 * called and how often in each. Every complaint names the line.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { TidepoolError } from "@tidepool/common";

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
export const traceLineBytesMax = 16 * 1024 * 1024;

const gzipMagic = [0x1f, 0x8b];

/** @throws TidepoolError `notFound` or `invalid`, naming file, line and problem */
export async function readTrace(path: string): Promise<TraceRow[]> {
  const isGzip = await startsWithGzip(path);
  const source = createReadStream(path);
  const gunzip = createGunzip();
  // pipeline reports both streams' errors to the reader below, through the last stream.
  const input = isGzip ? pipeline(source, gunzip, () => {}) : source;
  const rows: TraceRow[] = [];
  const seen = new Map<string, number>();
  let number = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number += 1;
      if (line.trim() === "") continue;
      const row = parseTraceRow(line, `${path} line ${number}`);
      const before = seen.get(row.id);
      if (before !== undefined)
        throw invalid(`${path} line ${number}: id '${row.id}' is already on line ${before}`);
      seen.set(row.id, number);
      rows.push(row);
      if (rows.length > traceRowsMax) throw invalid(`${path} has more than ${traceRowsMax} rows`);
    }
  } catch (error) {
    if (error instanceof TidepoolError) throw error;
    throw new TidepoolError(
      "invalid",
      `${path} cannot be read after line ${number}: is it whole?`,
      {
        cause: error,
      },
    );
  }
  if (rows.length === 0) throw invalid(`${path} has no rows`);
  return rows;
}

async function startsWithGzip(path: string): Promise<boolean> {
  try {
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
      return bytesRead === 2 && gzipMagic.every((byte, index) => buffer[index] === byte);
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw new TidepoolError("notFound", `trace file ${path} does not exist`);
    if (code === "EISDIR") throw invalid(`${path} is a folder, a trace file is needed`);
    throw new TidepoolError("invalid", `trace file ${path} cannot be opened`, { cause: error });
  }
}

/** @param where "FILE line N", for the complaint */
export function parseTraceRow(line: string, where: string): TraceRow {
  if (line.length > traceLineBytesMax)
    throw invalid(`${where} is longer than ${traceLineBytesMax} bytes`);
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
