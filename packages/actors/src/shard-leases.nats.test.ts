/**
 * Two members on a real server. What could go wrong: a member that was silenced goes on acting while another
 * has taken its shards. Silence is made by closing one member's connection; its process lives on, as in
 * a partition. At every instant at most one of them may act for a shard, and the later with a higher epoch.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { connectBus } from "./bus.ts";
import type { Bus } from "./bus.ts";
import { startNatsServer } from "./nats-server.ts";
import type { NatsServer } from "./nats-server.ts";
import { preferredOwner } from "./shard-assignment.ts";
import { ShardLeases } from "./shard-leases.ts";
import type { LossReason } from "./shard-leases.ts";
import { ensureStorage } from "./storage.ts";
import type { Storage } from "./storage.ts";

const timing = {
  renewEveryMs: 100,
  memberTtlMs: 800,
  fenceMarginMs: 300,
  electionMaxMs: 60_000,
  drainMaxMs: 500,
};
const shardCount = 8;
/** Far longer than anything waited for takes, on a slow machine too. */
const conditionMaxMs = 60_000;

interface TestMember {
  readonly leases: ShardLeases;
  readonly bus: Bus;
  readonly storage: Storage;
  readonly losses: LossReason[];
}

describe("ShardLeases", () => {
  let storeDir: string;
  let server: NatsServer;
  let members: TestMember[];
  let buses: Bus[];

  beforeEach(async () => {
    storeDir = await mkdtemp(join(tmpdir(), "tidepool-leases-"));
    server = await startNatsServer({ storeDir });
    members = [];
    buses = [];
  });
  afterEach(async () => {
    for (const { leases } of members) await leases.stop();
    for (const bus of buses) await bus.close();
    await server.stop();
    await rm(storeDir, { recursive: true });
  });

  const connectTo = async ({ url: servers }: NatsServer): Promise<Bus> => {
    const options = { name: "member", component: "scheduler", logger: silentLogger } as const;
    const bus = await connectBus({ ...options, servers });
    buses.push(bus);
    return bus;
  };
  const joinCluster = async (
    memberId: string,
    seenAs = (storage: Storage): Storage => storage,
  ): Promise<TestMember> => {
    const bus = await connectTo(server);
    const storage = seenAs(await ensureStorage(bus));
    const losses: LossReason[] = [];
    const leases = new ShardLeases({
      bus,
      storage,
      memberId,
      shardCount,
      logger: silentLogger,
      onTaken: () => {},
      onLost: (_, reason) => {
        losses.push(reason);
        return Promise.resolve();
      },
      timing,
    });
    const member = { leases, bus, storage, losses };
    members.push(member);
    await leases.start();
    return member;
  };

  const until = async (
    what: string,
    claim: () => boolean,
    waitMaxMs = conditionMaxMs,
  ): Promise<void> => {
    const deadlineAtMs = Date.now() + waitMaxMs;
    while (!claim()) {
      assert.ok(Date.now() < deadlineAtMs, `not in ${waitMaxMs} ms: ${what}`);
      await systemClock.sleep(5);
    }
  };
  /** Each of a and b is recorded as a witness of the other. */
  const untilVouching = async ({ storage }: TestMember): Promise<void> => {
    const witnesses = new Map<string, readonly string[]>();
    const look = async (): Promise<void> => {
      for (const id of ["a", "b"]) {
        const value = (await storage.leases.get(`member.${id}`))?.value ?? new Uint8Array();
        witnesses.set(id, tidepool.internal.v1.Member.decode(value).witnessIds);
      }
    };
    const looking = setInterval(() => void look(), timing.renewEveryMs);
    try {
      await until(
        "they vouch for one another",
        () => witnesses.get("a")?.[0] === "b" && witnesses.get("b")?.[0] === "a",
      );
    } finally {
      clearInterval(looking);
    }
  };
  const ownsAll = ({ leases }: TestMember) => leases.heldShards().length === shardCount;

  it("gives a single member every shard, under epoch 1", async () => {
    const a = await joinCluster("a");
    await until("a owns all", () => ownsAll(a));
    for (let shard = 0; shard < shardCount; shard += 1) assert.equal(a.leases.epochOf(shard), 1);
  });

  it("joins as soon as something leads the leases, which in a new cluster takes a moment", async () => {
    let refusedCount = 0;
    const a = await joinCluster("a", (storage) => {
      const leases = Object.create(storage.leases) as Storage["leases"];
      leases.put = (...given) => {
        if (refusedCount === 2) return storage.leases.put(...given);
        refusedCount += 1;
        return Promise.reject(new Error("no responders"));
      };
      return { ...storage, leases };
    });
    await until("a owns all", () => ownsAll(a));
    assert.equal(refusedCount, 2);
  });

  it("shares them with a member that joins, never two for one, and takes them back when it leaves", async () => {
    const a = await joinCluster("a");
    await until("a owns all", () => ownsAll(a));
    const b = await joinCluster("b");
    await until("they share", () => {
      const [ofA, ofB] = [a.leases.heldShards(), b.leases.heldShards()];
      assert.deepEqual(
        ofA.filter((shard) => ofB.includes(shard)),
        [],
      );
      return ofB.length > 0 && ofA.length + ofB.length === shardCount;
    });
    const [ofB = -1] = b.leases.heldShards();
    assert.equal(b.leases.epochOf(ofB), 2);
    await b.leases.stop();
    await until("a owns all again", () => ownsAll(a), 600); // sooner than the time to live
    assert.equal(a.leases.epochOf(ofB), 3);
  });

  it("lets another take over from a silenced member, with a higher epoch, only after that has fenced itself", async () => {
    const a = await joinCluster("a");
    const b = await joinCluster("b");
    // b owns some: a sum alone is right before the first hand-over too.
    await until(
      "they share",
      () =>
        a.leases.heldShards().length + b.leases.heldShards().length === shardCount &&
        b.leases.heldShards().length > 0,
    );
    const ofA = a.leases.heldShards();
    assert.ok(ofA.length > 0);
    a.losses.length = 0; // what it handed over to b
    const epochs = new Map(ofA.map((shard) => [shard, a.leases.epochOf(shard) ?? 0]));
    await a.bus.connection.close();
    await until("b owns all", () => {
      const twice = a.leases.heldShards().filter((shard) => b.leases.epochOf(shard) !== undefined);
      assert.deepEqual(twice, []);
      return ownsAll(b);
    });
    assert.deepEqual(
      a.losses,
      ofA.map(() => "fenced"),
    );
    for (const [shard, epoch] of epochs) {
      assert.ok((b.leases.epochOf(shard) ?? 0) > epoch, `shard ${shard}`);
    }
  });

  it("takes its own shards under the next epoch when its process starts again", async () => {
    const first = await joinCluster("a");
    await until("a owns all", () => ownsAll(first));
    await first.bus.connection.close();
    const again = await joinCluster("a");
    await until("a owns all again", () => ownsAll(again), 500);
    assert.equal(again.leases.epochOf(0), 2);
  });

  it("stops at once when a lease is in another's name", async () => {
    const a = await joinCluster("a");
    await until("a owns all", () => ownsAll(a));
    const lease = tidepool.internal.v1.ShardLease.encode({ ownerId: "thief", epoch: 7 }).finish();
    await a.storage.leases.put("shard.3", lease);
    await until("a has lost it", () => a.losses.includes("taken"), 500);
    await until("a, alone alive, has it again", () => a.leases.epochOf(3) === 8);
  });

  it("fences itself while the server is away, and owns everything again after it is back", async () => {
    const a = await joinCluster("a");
    await until("a owns all", () => ownsAll(a));
    const { port } = new URL(server.url);
    await server.stop();
    await until("a is fenced", () => a.leases.heldShards().length === 0, 1_500);
    server = await startNatsServer({ storeDir, port: Number(port) });
    await until("a owns all again", () => ownsAll(a));
    assert.equal(a.leases.epochOf(0), 2);
    const stored = await a.storage.leases.get("shard.0");
    assert.equal(
      tidepool.internal.v1.ShardLease.decode(stored?.value ?? new Uint8Array()).epoch,
      2,
    );
  });

  it("goes on under its epochs while nobody can write leases and all members answer one another, and no longer", async () => {
    let isWritable = true;
    const electing = (real: Storage): Storage => {
      const unlessElecting = (name: "put" | "create" | "update" | "delete") => ({
        [name]: (...args: readonly unknown[]) =>
          isWritable
            ? (real.leases[name] as (...given: readonly unknown[]) => unknown)(...args)
            : Promise.reject(new Error("no leader")),
      });
      const changes = (["put", "create", "update", "delete"] as const).map(unlessElecting);
      const leases = Object.assign(Object.create(real.leases) as Storage["leases"], ...changes);
      return { ...real, leases };
    };
    const a = await joinCluster("a", electing);
    const b = await joinCluster("b", electing);
    const share = (): boolean =>
      a.leases.heldShards().length + b.leases.heldShards().length === shardCount &&
      b.leases.heldShards().length > 0;
    await until("they share", share);
    const epochs = (): readonly (number | undefined)[] =>
      [...Array(shardCount).keys()].map(
        (shard) => a.leases.epochOf(shard) ?? b.leases.epochOf(shard),
      );
    const before = epochs();
    a.losses.length = 0; // what it handed over to b
    await untilVouching(a);
    isWritable = false;
    const electionEndsAtMs = Date.now() + 3 * timing.memberTtlMs;
    await until("the election ends", () => {
      assert.ok(share(), "one has lost a shard");
      return Date.now() > electionEndsAtMs;
    });
    isWritable = true;
    await systemClock.sleep(timing.memberTtlMs);
    assert.deepEqual([a.losses, b.losses, epochs()], [[], [], before]);

    isWritable = false;
    await b.bus.connection.close();
    await until("a, without an answer, is fenced", () => a.leases.heldShards().length === 0);
    isWritable = true;
    await until("a owns all", () => ownsAll(a));
  });

  it("lets one that has just joined take over at once what a witness of the dead takes for dead", async () => {
    const a = await joinCluster("a");
    const b = await joinCluster("b");
    await until("they share", () => b.leases.heldShards().length > 0);
    await untilVouching(a);
    await b.bus.connection.close();
    const c = await joinCluster("c");
    const waitMaxMs = timing.electionMaxMs / 2;
    const all = (): number => a.leases.heldShards().length + c.leases.heldShards().length;
    await until("a and c own all", () => all() === shardCount, waitMaxMs);
    assert.ok(c.leases.heldShards().length > 0);
  });

  it("has one of a new name take over from all that vouched for one another, and died before it came", async () => {
    const a = await joinCluster("a");
    const b = await joinCluster("b");
    await until("they share", () => b.leases.heldShards().length > 0);
    await untilVouching(a);
    await Promise.all([a.bus.connection.close(), b.bus.connection.close()]);
    const c = await joinCluster("c");
    await until("c owns all", () => ownsAll(c), timing.electionMaxMs / 2);
  });

  /** Storage of which what is followed is another server's: a copy that has gone wrong. */
  const followedElsewhere = (real: Storage, copy: Storage, hearsItself: boolean): Storage => {
    const put: Storage["leases"]["put"] = async (key, value, options) => {
      const written = await real.leases.put(key, value, options);
      return hearsItself && key.startsWith("member.") ? copy.leases.put(key, value) : written;
    };
    const leases = Object.assign(Object.create(real.leases) as Storage["leases"], { put });
    return { ...real, client: copy.client, leases };
  };
  const withCopy = async (test: (copy: Storage) => Promise<void>): Promise<void> => {
    const copyDir = await mkdtemp(join(tmpdir(), "tidepool-leases-copy-"));
    const copyServer = await startNatsServer({ storeDir: copyDir });
    const copyBus = await connectTo(copyServer);
    try {
      await test(await ensureStorage(copyBus));
    } finally {
      await copyBus.close();
      await copyServer.stop();
      await rm(copyDir, { recursive: true });
    }
  };
  const memberB = tidepool.internal.v1.Member.encode({ schedulerId: "b" }).finish();
  const leaseOf = (ownerId: string, epoch: number): Uint8Array =>
    tidepool.internal.v1.ShardLease.encode({ ownerId, epoch }).finish();

  it("looks a lease up where it is written, when it was told of wrongly", async () => {
    await withCopy(async (copy) => {
      const real = await ensureStorage(await connectTo(server));
      await copy.leases.put("member.b", memberB);
      for (let shard = 0; shard < shardCount; shard += 1) {
        await real.leases.put(`shard.${shard}`, leaseOf("a", 5));
        await copy.leases.put(`shard.${shard}`, leaseOf("b", 1));
      }
      const beat = setInterval(
        () => void copy.leases.put("member.b", memberB),
        timing.renewEveryMs,
      );
      try {
        const a = await joinCluster("a", (own) => followedElsewhere(own, copy, true));
        const own = [...Array(shardCount).keys()].filter(
          (shard) => preferredOwner(shard, ["a", "b"], 0) === "a",
        );
        assert.ok(own.length > 0 && own.length < shardCount);
        await until("a owns its share", () => own.every((shard) => a.leases.epochOf(shard) === 6));
        await a.leases.stop();
      } finally {
        clearInterval(beat);
      }
    });
  });

  it("takes nobody for dead while it does not hear its own renewals, reads again, and lets others take over", async () => {
    await withCopy(async (copy) => {
      const b = await joinCluster("b");
      await until("b owns all", () => ownsAll(b));
      let readings = 0;
      const { consumers } = copy.client;
      const getPushConsumer: typeof consumers.getPushConsumer = (...args) => {
        readings += 1;
        return consumers.getPushConsumer(...args);
      };
      const counting = Object.assign(Object.create(consumers) as typeof consumers, {
        getPushConsumer,
      });
      const client = Object.assign(Object.create(copy.client) as typeof copy.client, {
        consumers: counting,
      });
      const a = await joinCluster("a", (own) => followedElsewhere(own, { ...copy, client }, false));
      await until("a has read again twice", () => readings >= 3);
      assert.deepEqual(a.leases.heldShards(), []);
      await until("b owns what it gave back", () => ownsAll(b));
      assert.ok(!b.losses.includes("taken"), JSON.stringify(b.losses));
      await a.leases.stop();
    });
  });
});
