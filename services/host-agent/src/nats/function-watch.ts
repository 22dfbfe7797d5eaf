/** Hears which version of each function is deployed, so that VMs of deleted and replaced ones can go. */
import { followBucket } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import type { Assignments } from "../assignments/assignments.ts";

/** @throws TidepoolError `unavailable` when the bucket cannot be read at the start */
export async function watchFunctions(
  bus: Bus,
  storage: Storage,
  assignments: Assignments,
  logger: Logger,
): Promise<Stoppable> {
  return followBucket(bus, storage, {
    bucket: subjects.buckets.functions,
    logger,
    receive({ key, value }) {
      if (value === undefined) {
        assignments.noteDeployed(key, undefined);
        return;
      }
      try {
        const record = tidepool.internal.v1.FunctionRecord.decode(value);
        assignments.noteDeployed(key, record.function?.version || undefined);
      } catch (error) {
        logger.warn("function record cannot be read", { key, error: messageOf(error) });
      }
    },
  });
}
