/** What was used, from the stream of usage: what is kept, then, if asked, each new record. */
import type { JetStreamClient } from "@nats-io/jetstream";
import { fromTimestamp, subjects, tidepool } from "@tidepool/proto";
import { parseName } from "../functions/settings.ts";
import { readStream } from "./stream-reader.ts";

type Record = tidepool.v1.UsageRecord.$Properties;

/** Records whose ids are remembered to know one that comes twice: those of the last minutes. */
const idsMax = 100_000;

/** A function that was deleted may be asked for too. @throws TidepoolError `invalid` */
export function parseUsageQuery(
  request: tidepool.v1.GetUsageRequest.$Properties,
): tidepool.v1.GetUsageRequest.$Properties {
  if (request.functionName) parseName(request.functionName);
  return request;
}

export async function* readUsage(
  client: JetStreamClient,
  tenant: string,
  request: tidepool.v1.GetUsageRequest.$Properties,
  signal: AbortSignal,
): AsyncGenerator<Record> {
  const { functionName = "", follow = false, fromAt } = request;
  const fromMs = fromTimestamp(fromAt);
  const items = readStream(
    client,
    {
      what: "opening the usage",
      stream: subjects.streams.usage,
      subject: functionName === "" ? subjects.allUsage : subjects.usage(functionName),
      fromMs,
      follow,
    },
    signal,
  );
  const ids = new Set<string>();
  for await (const { data } of items) {
    const record = tidepool.v1.UsageRecord.decode(data);
    if (subjects.tenantOf(record.functionName) !== tenant || ids.has(record.id)) continue;
    ids.add(record.id);
    for (const oldest of ids) {
      if (ids.size <= idsMax) break;
      ids.delete(oldest);
    }
    if (fromMs === undefined || (fromTimestamp(record.toAt) ?? 0) > fromMs) yield record;
  }
}
