/** From rows of a trace to calls in order. Pure: instants are trace time, milliseconds from the first minute replayed. */
import type { TraceRow } from "./trace-file.ts";

export interface PlannedCall {
  readonly rowId: string;
  readonly functionName: string;
  /** 1 for the function's first call. */
  readonly ordinal: number;
  /** Trace time from the start of the replay. */
  readonly atMs: number;
}

/** Minutes of the trace, first and last included. */
export interface MinuteRange {
  readonly first: number;
  readonly last: number;
}

const minuteMs = 60_000;

/** The rows that have a call in the range, in the order of the file; at most `functionsMax`. */
export function chooseRows(
  rows: readonly TraceRow[],
  range: MinuteRange,
  functionsMax: number,
): TraceRow[] {
  return rows
    .map((row) => clip(row, range))
    .filter((row) => row.minutes.length > 0)
    .slice(0, functionsMax);
}

function clip(row: TraceRow, { first, last }: MinuteRange): TraceRow {
  const kept = row.minutes.flatMap((minute, index) =>
    minute >= first && minute <= last ? [index] : [],
  );
  return {
    ...row,
    minutes: kept.map((index) => row.minutes[index] ?? 0),
    counts: kept.map((index) => row.counts[index] ?? 0),
  };
}

/** Several calls in one slot are spread evenly over it. */
export function planCalls(rows: readonly TraceRow[], range: MinuteRange): PlannedCall[] {
  const calls: PlannedCall[] = [];
  for (const row of rows) {
    const functionName = functionNameOf(row.id);
    let ordinal = 0;
    for (const [index, minute] of row.minutes.entries()) {
      const count = row.counts[index] ?? 0;
      for (let n = 0; n < count; n += 1) {
        ordinal += 1;
        const atMs = (minute - range.first) * minuteMs + (n * minuteMs) / count;
        calls.push({ rowId: row.id, functionName, ordinal, atMs });
      }
    }
  }
  return calls.toSorted((a, b) => a.atMs - b.atMs);
}

const functionNameLengthMax = 64;

/** A function name for a row: what a name may not hold becomes "-". */
export function functionNameOf(rowId: string): string {
  return rowId.replace(/[^A-Za-z0-9_-]/g, "-").slice(0, functionNameLengthMax);
}
