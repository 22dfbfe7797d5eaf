/** What functions printed, on all hosts: the newest lines first kept, then, if asked, each new one. */
import type { JetStreamClient } from "@nats-io/jetstream";
import { fromTimestamp, subjects, tidepool } from "@tidepool/proto";
import { logLinesDefault, logLinesMax } from "../limits.ts";
import { readStream } from "./stream-reader.ts";

type LogLine = tidepool.v1.LogLine.$Properties;

export interface LogQuery {
  readonly tenant: string;
  /** All functions of the tenant when empty. */
  readonly name: string;
  readonly follow: boolean;
  /** Old lines at most. */
  readonly limit: number;
  /** All requests when empty. */
  readonly requestId: string;
  /** All versions when empty. */
  readonly version: string;
  /** Only lines since then; undefined: all that are kept. */
  readonly fromMs: number | undefined;
}

/** A line is stored so long after it was printed, at most; clocks of hosts and server differ by less. */
const storedLaterMaxMs = 60_000;

export function parseLogQuery(
  tenant: string,
  name: string,
  request: tidepool.v1.GetLogsRequest.$Properties,
): LogQuery {
  const { follow = false, requestId = "", version = "", fromAt } = request;
  return {
    tenant,
    name,
    follow,
    requestId,
    version,
    fromMs: fromTimestamp(fromAt),
    limit: Math.min(request.limit || logLinesDefault, logLinesMax),
  };
}

/** Ends when all old lines are told, or, with follow, when the signal aborts. */
export async function* readLogs(
  client: JetStreamClient,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const { name, follow, limit, fromMs } = query;
  const items = readStream(
    client,
    {
      what: "opening the log",
      stream: subjects.streams.logs,
      subject: name === "" ? subjects.allFunctionLogs : subjects.functionLog(name),
      fromMs: fromMs === undefined ? undefined : fromMs - storedLaterMaxMs,
      follow,
    },
    signal,
  );
  let oldLines: LogLine[] = [];
  for await (const { data, isOld, isLastOld } of items) {
    const lines = wantedLines(tidepool.internal.v1.LogBatch.decode(data), query);
    if (!isOld) {
      yield* lines;
      continue;
    }
    oldLines.push(...lines);
    if (oldLines.length > 2 * limit) oldLines = newest(oldLines, limit);
    if (isLastOld) yield* newest(oldLines, limit);
    if (isLastOld) oldLines = [];
  }
}

function wantedLines(
  { functionName = "", lines = [] }: tidepool.internal.v1.LogBatch.$Properties,
  { tenant, requestId, version, fromMs }: LogQuery,
): LogLine[] {
  if (subjects.tenantOf(functionName) !== tenant) return [];
  return lines
    .filter(
      (line) =>
        (requestId === "" || line.requestId === requestId) &&
        (version === "" || line.version === version) &&
        (fromMs === undefined || (fromTimestamp(line.at) ?? 0) >= fromMs),
    )
    .map((line) => ({ ...line, functionName }));
}

/** In the order in which they were printed, over all hosts. */
function newest(lines: readonly LogLine[], limit: number): LogLine[] {
  const atMs = (line: LogLine): number => fromTimestamp(line.at) ?? 0;
  return lines.toSorted((a, b) => atMs(a) - atMs(b)).slice(-limit);
}
