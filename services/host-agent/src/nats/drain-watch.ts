/** Hears whether an operator has drained this host; it stays so until it is heard otherwise. */
import { followBucket } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import type { Logger } from "@tidepool/common";
import { fromTimestamp, subjects, tidepool } from "@tidepool/proto";
import type { Drain } from "../fleet/drain.ts";

/**
 * Resolves when it is known.
 * @throws TidepoolError `unavailable` when the bucket cannot be read at the start
 */
export async function watchDrain(
  bus: Bus,
  storage: Storage,
  hostId: string,
  drain: Pick<Drain, "set">,
  logger: Logger,
): Promise<Stoppable> {
  const following = await followBucket(bus, storage, {
    bucket: subjects.buckets.hosts,
    logger,
    receive({ key, value, storedAtMs }) {
      if (key !== hostId) return;
      if (value === undefined) drain.set(undefined);
      else
        drain.set(
          fromTimestamp(tidepool.internal.v1.HostRecord.decode(value).drainedAt) ?? storedAtMs,
        );
    },
  });
  await following.caughtUp;
  return following;
}
