import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import { subjects } from "@tidepool/proto";
import type { Bus } from "./bus.ts";
import { arrivalsBytesMax, ensureStorage } from "./storage.ts";
import { ensureAsyncStorage } from "./async-storage.ts";
import { aNats } from "./testing/a-nats.ts";
import type { TestNats } from "./testing/a-nats.ts";

describe("ensureStorage", () => {
  let nats: TestNats;
  let bus: Bus;

  beforeEach(async () => {
    nats = await aNats();
    bus = nats.bus;
  });
  afterEach(async () => {
    await nats.stop();
  });

  it("makes every stream and bucket, each with a bound in bytes", async () => {
    await Promise.all([ensureStorage(bus), ensureAsyncStorage(bus)]);
    const manager = await jetstreamManager(bus.connection);
    const names: string[] = [];
    for await (const { config } of manager.streams.list()) {
      names.push(config.name);
      assert.ok(config.max_bytes > 0, config.name);
    }
    assert.deepEqual(
      names.sort(),
      [
        ...Object.values(subjects.streams),
        ...Object.values(subjects.buckets).map((name) => `KV_${name}`),
        `OBJ_${subjects.codeBucket}`,
      ].sort(),
    );
  });

  it("may be called by several services at once, and again, without losing what is stored", async () => {
    const [first] = await Promise.all([ensureStorage(bus), ensureStorage(bus), ensureStorage(bus)]);
    await first.functions.put("hello", "stored");
    await first.client.publish(subjects.arrivals(3), Uint8Array.of(2));
    const again = await ensureStorage(bus);
    assert.equal((await again.functions.get("hello"))?.string(), "stored");
    const { state } = await again.manager.streams.info(subjects.streams.arrivals);
    assert.equal(state.messages, 1);
  });

  it("gives a stream of an earlier version today's bounds", async () => {
    const manager = await jetstreamManager(bus.connection);
    await manager.streams.add({
      name: subjects.streams.arrivals,
      subjects: [subjects.allArrivals],
      max_bytes: 1_000_000,
    });
    await ensureStorage(bus);
    const { config } = await manager.streams.info(subjects.streams.arrivals);
    assert.equal(config.max_bytes, arrivalsBytesMax);
  });
});
