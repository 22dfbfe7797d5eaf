/**
 * During an upgrade members of two versions own shards together. What could go wrong: each prefers by its own way, and a
 * shard that each takes for the other's is served by nobody, while one that both take for their own is fought for.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeMember, MemberKeys } from "./member-keys.ts";
import { preferredOwner } from "./shard-assignment.ts";

const shards = [...Array(64).keys()];

interface TestMember {
  readonly id: string;
  /** What it announces; 0 as from a version that announces nothing. */
  readonly sharing: number;
}

/** What a member of this version reads of the others. */
function keysOf(members: readonly TestMember[]): MemberKeys {
  const keys = new MemberKeys();
  for (const [index, { id, sharing }] of members.entries()) {
    keys.recorded(id, index + 1, encodeMember(id, 0, [], sharing));
  }
  return keys;
}

/** Members that take the shard for their own. */
function claimants(shard: number, members: readonly TestMember[]): readonly string[] {
  const ids = members.map(({ id }) => id);
  const sharing = keysOf(members).sharingAmong(ids);
  return members
    .filter(({ id, sharing: own }) => preferredOwner(shard, ids, own === 0 ? 0 : sharing) === id)
    .map(({ id }) => id);
}

const ids = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,12}$/), { minLength: 1, maxLength: 6 });

describe("members of several versions", () => {
  it("agree, whoever is replaced in whatever order, on one owner of each shard", () => {
    fc.assert(
      fc.property(ids, fc.array(fc.nat({ max: 5 })), (names, replaced) => {
        const members = names.map((id) => ({ id, sharing: 0 }));
        for (const index of [...replaced, ...names.keys()]) {
          const member = members[index % members.length];
          if (member !== undefined) member.sharing = 1 - member.sharing;
          for (const shard of shards) assert.equal(claimants(shard, members).length, 1);
        }
      }),
      { seed: 5 },
    );
  });

  it("share in the newest way when all know it, and with one that knows newer ones", () => {
    const all = (sharings: readonly number[]): number => {
      const members = sharings.map((sharing, index) => ({ id: `s-${index}`, sharing }));
      return keysOf(members).sharingAmong(members.map(({ id }) => id));
    };
    assert.deepEqual([all([1, 1, 1]), all([1, 7]), all([1, 0, 7]), all([0])], [1, 1, 0, 0]);
  });

  it("do not go by one that has ended", () => {
    const keys = keysOf([
      { id: "old", sharing: 0 },
      { id: "new", sharing: 1 },
    ]);
    assert.equal(keys.sharingAmong(["new"]), 1);
    assert.equal(keys.takeRevision("old"), 1);
    assert.equal(keys.takeRevision("old"), undefined);
  });

  it("read of a member of a version that announces nothing that it shares in the oldest way", () => {
    const keys = new MemberKeys();
    // { scheduler_id: "s-1", renewed_at: { seconds: 5 } }, as they wrote it.
    keys.recorded("s-1", 1, Buffer.from("0a03732d31" + "12020805", "hex"));
    assert.equal(keys.sharingAmong(["s-1"]), 0);
  });
});
