/** What the bucket of leases holds: members, renewed by themselves, and shards' leases, changed by compare-and-set. */
import { systemClock } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { fromJetStream } from "./jetstream-error.ts";
import { encodeMember } from "./member-keys.ts";
import type { LeaseView } from "./shard-assignment.ts";
import type { Storage } from "./storage.ts";

const { ShardLease } = tidepool.internal.v1;

/** A change that has no answer by then is begun anew: it may have been lost with a leader of the bucket. */
const changeMaxMs = 2_000;

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
      : await leases.update(key, value, revision, changeMaxMs);
  } catch (error) {
    throw fromJetStream(error, `lease of shard ${shard}`);
  }
}

/** @throws TidepoolError `unavailable` when it is not stored in time. Answers the revision. */
export async function writeMember(
  { leases }: Storage,
  memberId: string,
  witnessIds: readonly string[],
  timeoutMs: number,
): Promise<number> {
  const value = encodeMember(memberId, systemClock.nowMs(), [...witnessIds]);
  try {
    return await leases.put(`member.${memberId}`, value, { timeout: timeoutMs });
  } catch (error) {
    throw fromJetStream(error, `membership of ${memberId}`);
  }
}
