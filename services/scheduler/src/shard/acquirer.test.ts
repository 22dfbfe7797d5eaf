import assert from "node:assert/strict";
import { silentLogger, TidepoolError } from "@tidepool/common";
import type { Clock, Code } from "@tidepool/common";
import { policies, seededRandom } from "@tidepool/policy";
import { HostTable } from "../hosts/host-table.ts";
import { tenantTermsDefault } from "../ports.ts";
import type { AcquireOrder, AssignOrder } from "../ports.ts";
import { Acquirer } from "./acquirer.ts";
import { ToldUses } from "./prewarm-meter.ts";
import { acquireMemoryMs, assignAttemptsMax } from "./world.ts";
import type { ShardWorld } from "./world.ts";
import { aVersion } from "../testing/a-version.ts";

const version = aVersion({ name: "hello" });

const order = (
  requestId: string,
  refusedVmId = "",
  avoidHostIds: readonly string[] = [],
): AcquireOrder => ({ requestId, function: version, refusedVmId, avoidHostIds });

interface TestWorld {
  readonly world: ShardWorld;
  readonly asked: string[];
  readonly orders: AssignOrder[];
  nowMs: number;
  epoch: number | undefined;
}

/** Hosts that fail with the code given for them, or assign. */
function aWorld(failures: Readonly<Record<string, Code | undefined>>, seed = 1): TestWorld {
  const hosts = new HostTable();
  for (const hostId of Object.keys(failures)) {
    hosts.note(
      {
        hostId,
        address: `${hostId}:7000`,
        memoryMib: 4_096,
        memoryUsedMib: 0,
        vmCount: 0,
        vmCountMax: 8,
        isDraining: false,
        pools: [],
        functions: [],
      },
      0,
    );
  }
  const never = (): never => assert.fail("not for an acquire");
  const clock: Clock = { nowMs: () => test.nowMs, sleep: never };
  const test: TestWorld = {
    asked: [],
    orders: [],
    nowMs: 0,
    epoch: 3,
    world: {
      hosts,
      policy: policies.learned,
      commands: {
        assign: (hostId, order) => {
          test.asked.push(hostId);
          test.orders.push(order);
          const code = failures[hostId];
          return code === undefined
            ? Promise.resolve(`vm-of-${hostId}`)
            : Promise.reject(new TidepoolError(code, `${hostId} says no`));
        },
        keep: never,
        floor: never,
      },
      snapshots: { load: never, save: never },
      arrivals: { follow: never },
      functionOf: () => version,
      tenantOf: () => tenantTermsDefault,
      toldUses: new ToldUses(),
      shardPrewarmIdleVmSecondsMax: 0,
      explanations: { add: never },
      epochOf: () => test.epoch,
      clock,
      random: seededRandom(seed),
      logger: silentLogger,
      onDemandChanged: () => {},
    },
  };
  return test;
}

describe("Acquirer", () => {
  it("asks another host when the first cannot, and gives that one's VM", async () => {
    for (const code of ["noCapacity", "unavailable", "timeout"] as const) {
      let askedBadFirst = 0;
      for (let seed = 1; seed <= 20; seed += 1) {
        const test = aWorld({ bad: code, good: undefined }, seed);
        const found = await new Acquirer(test.world, 7, () => {}).acquire(order("r"), undefined);
        assert.equal(found.vmId, "vm-of-good");
        assert.equal(found.hostAddress, "good:7000");
        if (test.asked[0] === "bad") askedBadFirst += 1;
      }
      assert.ok(askedBadFirst > 0, "the bad host was never asked");
    }
  });

  it("asks a bounded number of hosts, and then says what the last one said", async () => {
    const test = aWorld({
      a: "noCapacity",
      b: "noCapacity",
      c: "noCapacity",
      d: "noCapacity",
      e: "noCapacity",
    });
    const acquirer = new Acquirer(test.world, 7, () => {});
    await assert.rejects(acquirer.acquire(order("r-1"), undefined), {
      code: "noCapacity",
      message: /says no/,
    });
    assert.equal(new Set(test.asked).size, assignAttemptsMax);
    assert.equal(test.asked.length, assignAttemptsMax);
  });

  it("counts a call that asks again and again as one surprise", async () => {
    const test = aWorld({ a: "noCapacity" });
    let surpriseCount = 0;
    const acquirer = new Acquirer(test.world, 7, () => (surpriseCount += 1));
    for (let count = 0; count < 3; count += 1) {
      await assert.rejects(acquirer.acquire(order("r-1"), undefined));
    }
    assert.equal(surpriseCount, 1);
    await assert.rejects(acquirer.acquire(order("r-2"), undefined));
    assert.equal(surpriseCount, 2);
  });

  it("asks nobody else when a host has seen a newer epoch", async () => {
    const test = aWorld({ a: "stale", b: "stale" });
    const acquirer = new Acquirer(test.world, 7, () => {});
    await assert.rejects(acquirer.acquire(order("r-1"), undefined), { code: "stale" });
    assert.equal(test.asked.length, 1);
  });

  it("orders nothing once its shard is not its own", async () => {
    const test = aWorld({ a: undefined });
    test.epoch = undefined;
    const acquirer = new Acquirer(test.world, 7, () => {});
    await assert.rejects(acquirer.acquire(order("r-1"), undefined), { code: "stale" });
    assert.deepEqual(test.asked, []);
  });

  it("orders under its lease, with the request's id as the assignment's", async () => {
    const test = aWorld({ a: undefined });
    await new Acquirer(test.world, 7, () => {}).acquire(order("r-1"), undefined);
    const { lease, assignmentId, requestId, window } = test.orders[0] ?? assert.fail();
    assert.deepEqual(
      { lease, assignmentId, requestId, window },
      {
        lease: { shard: 7, epoch: 3 },
        assignmentId: "r-1",
        requestId: "r-1",
        window: undefined,
      },
    );
  });

  it("answers a repeated request from memory, and forgets it in time", async () => {
    const test = aWorld({ a: undefined });
    const acquirer = new Acquirer(test.world, 7, () => {});
    await acquirer.acquire(order("r-1"), undefined);
    await acquirer.acquire(order("r-1"), undefined);
    assert.equal(test.asked.length, 1);
    test.nowMs += acquireMemoryMs;
    await acquirer.acquire(order("r-1"), undefined);
    assert.equal(test.asked.length, 2);
  });

  it("tries a request again that failed before", async () => {
    const failures: Record<string, Code | undefined> = { a: "noCapacity" };
    const test = aWorld(failures);
    const acquirer = new Acquirer(test.world, 7, () => {});
    await assert.rejects(acquirer.acquire(order("r-1"), undefined));
    failures["a"] = undefined;
    assert.equal((await acquirer.acquire(order("r-1"), undefined)).vmId, "vm-of-a");
  });

  it("counts each call that found no idle VM once as a surprise", async () => {
    const test = aWorld({ a: undefined });
    let surprises = 0;
    const acquirer = new Acquirer(test.world, 7, () => (surprises += 1));
    await acquirer.acquire(order("r-1"), undefined);
    await acquirer.acquire(order("r-1"), undefined);
    assert.equal(surprises, 1);
  });

  it("gives another VM to a request whose host refused the first", async () => {
    const test = aWorld({ a: undefined });
    const acquirer = new Acquirer(test.world, 7, () => {});
    await acquirer.acquire(order("r-1"), undefined);
    await acquirer.acquire(order("r-1", "vm-of-a"), undefined);
    assert.deepEqual(
      test.orders.map(({ assignmentId, requestId }) => [assignmentId, requestId]),
      [
        ["r-1", "r-1"],
        ["r-1.vm-of-a", "r-1"],
      ],
    );
  });

  it("takes a host that the frontend does not reach only where no other can", async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const test = aWorld({ cutOff: undefined, near: undefined }, seed);
      const acquirer = new Acquirer(test.world, 7, () => {});
      await acquirer.acquire(order("r", "", ["cutOff"]), undefined);
      assert.deepEqual(test.asked, ["near"]);
    }
    const alone = aWorld({ cutOff: undefined });
    await new Acquirer(alone.world, 7, () => {}).acquire(order("r", "", ["cutOff"]), undefined);
    assert.deepEqual(alone.asked, ["cutOff"]);
    const unable = aWorld({ cutOff: undefined, near: "unavailable" });
    await new Acquirer(unable.world, 7, () => {}).acquire(order("r", "", ["cutOff"]), undefined);
    assert.deepEqual(unable.asked, ["near", "cutOff"]);
  });
});
