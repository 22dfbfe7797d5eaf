/** Hears that a secret has a new value: VMs that were loaded with the old one are replaced. */
import { followBucket } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import type { Logger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";

/** @throws TidepoolError `unavailable` when the bucket cannot be read at the start */
export async function watchSecrets(
  bus: Bus,
  storage: Storage,
  onChange: (secretName: string) => void,
  logger: Logger,
): Promise<Stoppable> {
  const revisions = new Map<string, number>();
  let isStart = true;
  const following = await followBucket(bus, storage, {
    bucket: subjects.buckets.secrets,
    logger,
    receive({ key, revision }) {
      // After a reconnect every key is told again.
      if ((revisions.get(key) ?? 0) >= revision) return;
      revisions.set(key, revision);
      if (!isStart) onChange(key);
    },
  });
  await following.caughtUp;
  isStart = false;
  return following;
}
