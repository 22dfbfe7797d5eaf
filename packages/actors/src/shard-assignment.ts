/**
 * Which shards a member should own: decided by every member for itself from what it sees, with the same
 * answer. A member that joins or leaves moves only its share (rendezvous hashing). Pure.
 */

/**
 * Ways of sharing, by number: members announce the newest that they know, and use the newest that all know.
 * 0: each shard is drawn by itself; of members that announce nothing. 1: in pairs.
 */
export type Sharing = 0 | 1;
export const oldestSharing: Sharing = 0;
export const newestSharing: Sharing = 1;

export interface LeaseView {
  /** Empty when the last owner gave the shard back. */
  readonly ownerId: string;
  readonly epoch: number;
}

export interface AssignmentView {
  readonly me: string;
  /** Members that renewed in time, `me` among them. */
  readonly aliveIds: ReadonlySet<string>;
  /** By shard; absent for a shard that was never owned. */
  readonly leases: ReadonlyMap<number, LeaseView>;
  /** Epochs of the shards that this process owns, by shard. */
  readonly held: ReadonlyMap<number, number>;
  readonly shardCount: number;
  readonly sharing: Sharing;
}

export interface Assignment {
  /** To be taken, each under an epoch one higher than the lease has. */
  readonly take: readonly number[];
  /** To be drained, where they are held, and given back: another member is to have them. */
  readonly giveBack: readonly number[];
  /** Taken by another already: to be stopped at once. */
  readonly lost: readonly number[];
}

export function assignShards(view: AssignmentView): Assignment {
  const take: number[] = [];
  const giveBack: number[] = [];
  const lost: number[] = [];
  for (let shard = 0; shard < view.shardCount; shard += 1) {
    const lease = view.leases.get(shard);
    const heldEpoch = view.held.get(shard);
    const isMine = preferredOwner(shard, view.aliveIds, view.sharing) === view.me;
    if (heldEpoch !== undefined) {
      if (lease !== undefined && lease.epoch > heldEpoch) lost.push(shard);
      else if (!isMine) giveBack.push(shard);
    } else if (isMine) {
      if (isFree(lease, view)) take.push(shard);
    } else if (lease?.ownerId === view.me) {
      giveBack.push(shard);
    }
  }
  return { take, giveBack, lost };
}

/** A lease in our own name that we do not hold is from before our restart, or from before we fenced ourselves. */
function isFree(lease: LeaseView | undefined, { me, aliveIds }: AssignmentView): boolean {
  if (lease === undefined || lease.ownerId === "" || lease.ownerId === me) return true;
  return !aliveIds.has(lease.ownerId);
}

/** The member with the highest score for this shard; undefined without members. */
export function preferredOwner(
  shard: number,
  memberIds: Iterable<string>,
  sharing: Sharing,
): string | undefined {
  let best: string | undefined;
  let bestScore = -1;
  for (const id of memberIds) {
    const score = sharing === 0 ? hashOf(`${id}/${shard}`) : pairedScoreOf(shard, id);
    if (score > bestScore || (score === bestScore && best !== undefined && id < best)) {
      best = id;
      bestScore = score;
    }
  }
  return best;
}

/**
 * Shards go in pairs, and who scores high for the one scores low for the other: of two members each has half,
 * whatever their names; of more, the shares differ less than if each shard were drawn by itself.
 */
function pairedScoreOf(shard: number, memberId: string): number {
  const score = hashOf(`${memberId}/${shard >>> 1}`);
  return shard % 2 === 0 ? score : ~score >>> 0;
}

/** FNV-1a, then mixed (murmur3's finalizer): FNV alone orders like its input. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
