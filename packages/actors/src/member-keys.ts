/**
 * Members' keys in the bucket of leases. Members of several versions share the shards in the way that all who live
 * know: with two ways at once there are shards that each takes for the other's, and nobody serves them.
 */
import { tidepool, toTimestamp } from "@tidepool/proto";
import { newestSharing, oldestSharing } from "./shard-assignment.ts";
import type { Sharing } from "./shard-assignment.ts";

const { Member } = tidepool.internal.v1;

interface MemberKey {
  readonly revision: number;
  readonly sharing: Sharing;
}

export function encodeMember(
  id: string,
  nowMs: number,
  witnessIds: readonly string[],
  sharing: number = newestSharing,
): Uint8Array {
  const renewedAt = toTimestamp(nowMs);
  return Member.encode({
    schedulerId: id,
    renewedAt,
    witnessIds: [...witnessIds],
    sharing,
  }).finish();
}

export class MemberKeys {
  private readonly keys = new Map<string, MemberKey>();

  recorded(
    id: string,
    revision: number,
    value: Uint8Array,
  ): { readonly witnessIds: readonly string[] } {
    const { witnessIds, sharing } = Member.decode(value);
    // A member that knows newer ways knows ours.
    this.keys.set(id, { revision, sharing: sharing === 0 ? oldestSharing : newestSharing });
    return { witnessIds };
  }

  /** For whoever removes the key, once. */
  takeRevision(id: string): number | undefined {
    const revision = this.keys.get(id)?.revision;
    this.keys.delete(id);
    return revision;
  }

  /** The newest way that all of them know. */
  sharingAmong(ids: Iterable<string>): Sharing {
    let common: Sharing = newestSharing;
    for (const id of ids) {
      const sharing = this.keys.get(id)?.sharing ?? newestSharing;
      if (sharing < common) common = sharing;
    }
    return common;
  }
}
