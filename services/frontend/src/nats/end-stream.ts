/** Asks a host, over NATS, to take no more from a stream that broke here. */
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { endStreamMaxMs } from "../limits.ts";

const { EndStreamReply, EndStreamRequest } = tidepool.internal.v1;

/** @returns the last call that came on it; 0 for none. @throws TidepoolError when nobody knows */
export async function endStream(bus: Bus, hostId: string, streamId: string): Promise<number> {
  if (!bus.isConnected) {
    throw new TidepoolError(
      "unavailable",
      `${hostId} cannot be asked: the NATS connection is lost`,
    );
  }
  const { lastCallId } = await bus.request(
    "end stream",
    subjects.endStream(hostId),
    { codec: EndStreamRequest, message: { streamId } },
    EndStreamReply,
    { timeoutMs: endStreamMaxMs },
  );
  return lastCallId ?? 0;
}
