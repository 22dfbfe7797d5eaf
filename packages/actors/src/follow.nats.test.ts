import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { connectBus } from "./bus.ts";
import type { Bus } from "./bus.ts";
import { followBucket } from "./follow.ts";
import { startNatsServer } from "./nats-server.ts";
import type { NatsServer } from "./nats-server.ts";
import { ensureStorage } from "./storage.ts";
import type { Storage } from "./storage.ts";

describe("Following a bucket", function () {
  this.timeout(30_000);
  let storeDir = "";
  let server: NatsServer;
  let bus: Bus;
  let storage: Storage;

  before(async () => {
    storeDir = await mkdtemp(join(tmpdir(), "tidepool-follow-"));
    server = await startNatsServer({ storeDir });
    bus = await connectBus({
      servers: server.url,
      name: "test",
      component: "scheduler",
      logger: silentLogger,
    });
    storage = await ensureStorage(bus);
  });
  after(async () => {
    await bus.close();
    await server.stop();
    await rm(storeDir, { recursive: true });
  });

  it("begins elsewhere when the server that was to do it does not answer", async () => {
    const { consumers } = storage.client;
    let asked = 0;
    const getPushConsumer: typeof consumers.getPushConsumer = (...args) => {
      asked += 1;
      return asked === 1 ? new Promise(() => {}) : consumers.getPushConsumer(...args);
    };
    const client = Object.assign(Object.create(storage.client) as typeof storage.client, {
      consumers: Object.assign(Object.create(consumers) as typeof consumers, { getPushConsumer }),
    });
    await storage.leases.put("member.a", "1");
    const keys: string[] = [];
    const following = await followBucket(
      bus,
      { ...storage, client },
      {
        bucket: subjects.buckets.leases,
        logger: silentLogger,
        receive: ({ key }) => keys.push(key),
      },
    );
    await following.caughtUp;
    while (keys.length === 0) await systemClock.sleep(10);
    assert.deepEqual(keys, ["member.a"]);
    assert.equal(asked, 2);
    await following.stop();
  });
});
