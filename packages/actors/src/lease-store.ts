/** A shard's lease in its bucket, changed by compare-and-set. */
import { tidepool } from "@tidepool/proto";
import { fromJetStream } from "./jetstream-error.ts";
import type { LeaseView } from "./shard-assignment.ts";
import type { Storage } from "./storage.ts";

const { ShardLease } = tidepool.internal.v1;

/**
 * @param revision that it is to replace; undefined where there is none
 * @throws TidepoolError `stale` when another was faster. Answers the new revision.
 */
export async function writeLease(
  { leases }: Storage,
  shard: number,
  lease: LeaseView,
  revision: number | undefined,
): Promise<number> {
  const value = ShardLease.encode(lease).finish();
  const key = `shard.${shard}`;
  try {
    return revision === undefined
      ? await leases.create(key, value)
      : await leases.update(key, value, revision);
  } catch (error) {
    throw fromJetStream(error, `lease of shard ${shard}`);
  }
}
