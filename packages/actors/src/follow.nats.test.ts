import assert from "node:assert/strict";
import { silentLogger, systemClock } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type { Bus } from "./bus.ts";
import { followBucket } from "./follow.ts";
import { ensureStorage } from "./storage.ts";
import type { Storage } from "./storage.ts";
import { aNats } from "./testing/a-nats.ts";
import type { TestNats } from "./testing/a-nats.ts";

describe("Following a bucket", function () {
  this.timeout(30_000);
  let nats: TestNats;
  let bus: Bus;
  let storage: Storage;

  before(async () => {
    nats = await aNats();
    bus = nats.bus;
    storage = await ensureStorage(bus);
  });
  after(async () => {
    await nats.stop();
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
