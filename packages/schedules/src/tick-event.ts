/** What a tick brings to its function: a CloudEvent 1.0 in structured mode, JSON. */
import type { StoredSchedule } from "./record.ts";

const nothing = "null";

/** @param id the same however often the tick is begun */
export function tickEvent(
  { name, functionName, payload }: Pick<StoredSchedule, "name" | "functionName" | "payload">,
  tickAtMs: number,
  id: string,
): Uint8Array {
  const attributes = JSON.stringify({
    specversion: "1.0",
    id,
    source: `/tidepool/schedules/${name}`,
    type: "tidepool.schedule.tick",
    subject: functionName,
    time: new Date(tickAtMs).toISOString(),
    datacontenttype: "application/json",
  });
  // As its owner wrote it: a number in it may have more digits than ours.
  const data = payload.byteLength === 0 ? nothing : Buffer.from(payload).toString();
  return Buffer.from(`${attributes.slice(0, -1)},"data":${data}}`);
}
