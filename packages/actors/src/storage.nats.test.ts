import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { subjects } from "@tidepool/proto";
import type { Bus } from "./bus.ts";
import { arrivalsBytesMax, ensureStorage, functionsBytesMax } from "./storage.ts";
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

  it("gives streams and buckets of an earlier version today's bounds, and what is stored stays", async () => {
    const manager = await jetstreamManager(bus.connection);
    await manager.streams.add({
      name: subjects.streams.arrivals,
      subjects: [subjects.allArrivals],
      max_bytes: 1_000_000,
    });
    const earlier = { history: 1, max_bytes: 1_000_000 };
    const functions = await new Kvm(bus.connection).create(subjects.buckets.functions, earlier);
    await functions.put("hello", "stored");
    const { functions: now } = await ensureStorage(bus);
    const bytesMaxOf = async (name: string): Promise<number> =>
      (await manager.streams.info(name)).config.max_bytes;
    assert.equal(await bytesMaxOf(subjects.streams.arrivals), arrivalsBytesMax);
    assert.equal(await bytesMaxOf(`KV_${subjects.buckets.functions}`), functionsBytesMax);
    assert.equal((await now.get("hello"))?.string(), "stored");
  });
});
