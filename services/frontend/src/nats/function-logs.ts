/** What a function printed, from the stream of logs: the newest lines first kept, then, if asked, each new one. */
import { DeliverPolicy } from "@nats-io/jetstream";
import type { ConsumerMessages, JetStreamClient } from "@nats-io/jetstream";
import { subjects, tidepool } from "@tidepool/proto";
import { logLinesDefault, logLinesMax, storeTimeoutMs } from "../limits.ts";
import { within } from "./store-failure.ts";

type LogLine = tidepool.v1.LogLine.$Properties;

export interface LogQuery {
  readonly name: string;
  readonly follow: boolean;
  /** Old lines at most. */
  readonly limit: number;
  /** All requests when empty. */
  readonly requestId: string;
}

export function parseLogQuery(
  name: string,
  request: tidepool.v1.GetLogsRequest.$Properties,
): LogQuery {
  const { follow = false, requestId = "" } = request;
  return {
    name,
    follow,
    requestId,
    limit: Math.min(request.limit || logLinesDefault, logLinesMax),
  };
}

/** Ends when all old lines are told, or, with follow, when the signal aborts. */
export async function* readLogs(
  client: JetStreamClient,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const consumer = await within(
    "opening the log",
    storeTimeoutMs,
    client.consumers.get(subjects.streams.logs, {
      filter_subjects: subjects.functionLog(query.name),
      deliver_policy: DeliverPolicy.All,
    }),
  );
  const info = await within("opening the log", storeTimeoutMs, consumer.info());
  if (info.num_pending === 0 && !query.follow) return;
  const messages = await within("opening the log", storeTimeoutMs, consumer.consume());
  const stop = (): void => void messages.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) return;
    let oldLines: LogLine[] | undefined = info.num_pending === 0 ? undefined : [];
    for await (const { lines, isLastOld } of batches(messages, query)) {
      if (oldLines === undefined) {
        yield* lines;
        continue;
      }
      oldLines.push(...lines);
      if (oldLines.length > query.limit) oldLines = oldLines.slice(-query.limit);
      if (!isLastOld) continue;
      yield* oldLines;
      if (!query.follow) return;
      oldLines = undefined;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    await messages.close();
  }
}

async function* batches(
  messages: ConsumerMessages,
  query: LogQuery,
): AsyncGenerator<{ readonly lines: readonly LogLine[]; readonly isLastOld: boolean }> {
  for await (const message of messages) {
    const { lines } = tidepool.internal.v1.LogBatch.decode(message.data);
    const wanted = lines.filter(
      ({ requestId }) => query.requestId === "" || requestId === query.requestId,
    );
    yield { lines: wanted, isLastOld: message.info.pending === 0 };
  }
}
