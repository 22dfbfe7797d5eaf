import assert from "node:assert/strict";
import { silentLogger } from "@tidepool/common";
import { HostTable } from "../hosts/host-table.ts";
import { parseFunctionVersion, parseHeartbeat } from "../nats/parse.ts";
import type { AssignOrder, FloorOrder } from "../ports.ts";
import { Provisioner, takeoverListenMs } from "./provisioner.ts";

const version = parseFunctionVersion({
  name: "f",
  version: "1",
  codeDigest: "sha256:1",
  settings: { runtime: "nodejs20", provisioned: [{ count: 3 }] },
});

function aWorld() {
  const test = {
    nowMs: 1_000_000,
    epoch: 1 as number | undefined,
    orders: [] as AssignOrder[],
    floors: [] as FloorOrder[],
    hosts: new HostTable(),
    /** The host's heartbeat, with VMs of the function. */
    beat(idle: number, loading = 0): void {
      const room = { memoryMib: 8_192, vmCountMax: 20 };
      const functions = [{ name: "f", version: "1", idle, loading }];
      const heartbeat = { hostId: "h", address: "h:1", ...room, functions };
      test.hosts.note(parseHeartbeat(heartbeat), test.nowMs);
    },
    /** As long as an order or a command needs to be carried out. */
    async look(provisioner: Provisioner, passedMs: number): Promise<void> {
      test.nowMs += passedMs;
      provisioner.look();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  const provisioner = new Provisioner(
    {
      hosts: test.hosts,
      commands: {
        assign(_hostId, order) {
          test.orders.push(order);
          return Promise.resolve("vm");
        },
        keep: () => Promise.resolve(),
        floor(_hostId, order) {
          test.floors.push(order);
          return Promise.resolve();
        },
      },
      functionOf: () => version,
      epochOf: () => test.epoch,
      clock: { nowMs: () => test.nowMs, sleep: () => Promise.resolve() },
      random: () => 0,
      logger: silentLogger,
    },
    4,
  );
  provisioner.noteFunction("f");
  return { test, provisioner };
}

describe("Provisioner", () => {
  it("listens to the hosts before it orders, and orders only what is missing then", async () => {
    const { test, provisioner } = aWorld();
    await test.look(provisioner, 0);
    test.beat(2);
    await test.look(provisioner, takeoverListenMs - 1);
    assert.equal(test.orders.length, 0);
    await test.look(provisioner, 1);
    assert.equal(test.orders.length, 1);
    assert.deepEqual(
      test.floors.map(({ count }) => count),
      [2],
    );
  });

  it("orders nothing twice while a VM is on its way, and again what calls have taken", async () => {
    const { test, provisioner } = aWorld();
    test.beat(0);
    await test.look(provisioner, 0);
    await test.look(provisioner, takeoverListenMs);
    assert.equal(test.orders.length, 3);
    await test.look(provisioner, 100);
    test.beat(1, 2);
    await test.look(provisioner, 5_000);
    assert.equal(test.orders.length, 3);
    test.beat(1);
    await test.look(provisioner, 500);
    assert.equal(test.orders.length, 5);
    assert.equal(new Set(test.orders.map(({ assignmentId }) => assignmentId)).size, 5);
  });

  it("does nothing for a shard that is another's", async () => {
    const { test, provisioner } = aWorld();
    test.epoch = undefined;
    test.beat(0);
    await test.look(provisioner, 0);
    await test.look(provisioner, takeoverListenMs);
    assert.deepEqual([test.orders.length, test.floors.length], [0, 0]);
  });

  it("tells hosts anew under a new epoch", async () => {
    const { test, provisioner } = aWorld();
    test.beat(3);
    await test.look(provisioner, 0);
    await test.look(provisioner, takeoverListenMs);
    test.epoch = 2;
    await test.look(provisioner, 500);
    await test.look(provisioner, takeoverListenMs);
    assert.deepEqual(
      test.floors.map(({ lease, count }) => [lease.epoch, count]),
      [
        [1, 3],
        [2, 3],
      ],
    );
    assert.equal(test.orders.length, 0);
  });
});
