import assert from "node:assert/strict";
import fc from "fast-check";
import { assignShards, preferredOwner } from "./shard-assignment.ts";
import type { AssignmentView } from "./shard-assignment.ts";

const shardCount = 64;
const shards = [...Array(shardCount).keys()];

const aView = (view: Partial<AssignmentView>): AssignmentView => ({
  me: "a",
  aliveIds: new Set(["a"]),
  leases: new Map(),
  held: new Map(),
  shardCount: 1,
  sharing: 1,
  ...view,
});

describe("preferredOwner", () => {
  it("gives each of three members between a fifth and a half of the shards", () => {
    for (const id of ["a", "b", "c"]) {
      const count = shards.filter(
        (shard) => preferredOwner(shard, ["a", "b", "c"], 1) === id,
      ).length;
      assert.ok(count >= 13 && count <= 32, `${id} has ${count}`);
    }
  });

  it("gives each of any two members half of the shards", () => {
    const two = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,12}$/), {
      minLength: 2,
      maxLength: 2,
    });
    fc.assert(
      fc.property(two, (ids) => {
        const [one] = ids;
        const count = shards.filter((shard) => preferredOwner(shard, ids, 1) === one).length;
        assert.equal(count, shardCount / 2);
      }),
      { seed: 5 },
    );
  });

  it("moves, of any members, only to the one that joins and only from the one that leaves, a fair share", () => {
    const memberIds = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,12}$/), {
      minLength: 2,
      maxLength: 8,
    });
    const many = [...Array(1_024).keys()];
    fc.assert(
      fc.property(memberIds, ([joining = "", ...others]) => {
        const after = [...others, joining];
        const moved = many.filter(
          (shard) => preferredOwner(shard, others, 1) !== preferredOwner(shard, after, 1),
        );
        assert.ok(moved.every((shard) => preferredOwner(shard, after, 1) === joining));
        const fair = many.length / after.length;
        assert.ok(moved.length > fair / 2 && moved.length < fair * 2, `${moved.length} of ${fair}`);
      }),
      { seed: 5 },
    );
  });

  it("moves only the shards of the member that leaves", () => {
    for (const shard of shards) {
      const before = preferredOwner(shard, ["a", "b", "c"], 1);
      if (before !== "c") assert.equal(preferredOwner(shard, ["b", "a"], 1), before);
    }
  });
});

describe("preferredOwner of members that draw each shard by itself", () => {
  it("is whom versions before the pairs prefer", () => {
    const owners = shards.map((shard) => preferredOwner(shard, ["s-1", "s-2", "s-3"], 0)?.at(-1));
    assert.equal(
      owners.join(""),
      "2111332213133213333123331323333133121211311332111112122133332211",
    );
  });
});

describe("assignShards", () => {
  const nothing = { take: [], giveBack: [], lost: [] };

  it("takes what nobody ever owned, what was given back, and what a dead member left", () => {
    const leases = new Map([
      [1, { ownerId: "", epoch: 4 }],
      [2, { ownerId: "dead", epoch: 9 }],
    ]);
    const found = assignShards(aView({ shardCount: 3, leases }));
    assert.deepEqual(found, { ...nothing, take: [0, 1, 2] });
  });

  it("takes its own shard again after a restart", () => {
    const leases = new Map([[0, { ownerId: "a", epoch: 3 }]]);
    assert.deepEqual(assignShards(aView({ leases })), { ...nothing, take: [0] });
  });

  it("waits until a living owner has given the shard back", () => {
    const aliveIds = new Set(["a", "b"]);
    const leases = new Map(shards.map((shard) => [shard, { ownerId: "b", epoch: 1 }]));
    assert.deepEqual(assignShards(aView({ aliveIds, leases, shardCount })), nothing);
  });

  it("gives back exactly what a new member is preferred for", () => {
    const aliveIds = new Set(["a", "b"]);
    const held = new Map(shards.map((shard) => [shard, 1]));
    const leases = new Map(shards.map((shard) => [shard, { ownerId: "a", epoch: 1 }]));
    const { take, giveBack, lost } = assignShards(aView({ aliveIds, held, leases, shardCount }));
    assert.deepEqual([take, lost], [[], []]);
    assert.deepEqual(
      giveBack,
      shards.filter((shard) => preferredOwner(shard, aliveIds, 1) === "b"),
    );
    assert.ok(giveBack.length > 0);
  });

  it("gives back what still stands in its name although it does not act on it", () => {
    const aliveIds = new Set(["a", "b"]);
    const shard = shards.find((one) => preferredOwner(one, aliveIds, 1) === "b") ?? -1;
    const leases = new Map([[shard, { ownerId: "a", epoch: 1 }]]);
    const { giveBack } = assignShards(aView({ aliveIds, leases, shardCount }));
    assert.deepEqual(giveBack, [shard]);
  });

  it("loses a shard whose lease has a higher epoch than its own", () => {
    const held = new Map([[0, 1]]);
    const leases = new Map([[0, { ownerId: "b", epoch: 2 }]]);
    assert.deepEqual(assignShards(aView({ held, leases })), { ...nothing, lost: [0] });
  });
});
