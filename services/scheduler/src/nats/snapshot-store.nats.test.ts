import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import type { Bus, NatsServer, Storage } from "@tidepool/actors";
import { silentLogger } from "@tidepool/common";
import { createRecord, noteArrival, planPolicyDefault } from "@tidepool/policy";
import type { FunctionRecord } from "@tidepool/policy";
import { functionsPerPart, NatsSnapshotStore } from "./snapshot-store.ts";

describe("NatsSnapshotStore", () => {
  let storeDir: string;
  let server: NatsServer;
  let bus: Bus;
  let storage: Storage;
  let store: NatsSnapshotStore;

  before(async () => {
    storeDir = await mkdtemp(join(tmpdir(), "tidepool-snapshots-"));
    server = await startNatsServer({ storeDir });
    bus = await connectBus({
      servers: server.url,
      name: "test",
      component: "scheduler",
      logger: silentLogger,
    });
    storage = await ensureStorage(bus);
    store = new NatsSnapshotStore(storage, silentLogger);
  });
  after(async () => {
    await bus.close();
    await server.stop();
    await rm(storeDir, { recursive: true });
  });

  const records = (count: number): ReadonlyMap<string, FunctionRecord> => {
    let record = createRecord(planPolicyDefault);
    for (let i = 0; i < 60; i += 1) record = noteArrival(record, planPolicyDefault, i * 300_000);
    return new Map(Array.from({ length: count }, (_, i) => [`f-${i}`, record]));
  };

  it("has nothing of a shard that never saved", async () => {
    assert.deepEqual(await store.load(0), { sequence: 0, records: new Map(), ledgers: new Map() });
  });

  it("gives back exactly what was saved, in as many parts as it takes", async () => {
    const saved = { sequence: 41, records: records(2 * functionsPerPart + 1), ledgers: new Map() };
    await store.save({ shard: 1, epoch: 1 }, saved);
    assert.deepEqual(await store.load(1), saved);
    const fewer = { sequence: 42, records: records(1), ledgers: new Map() };
    await store.save({ shard: 1, epoch: 2 }, fewer);
    assert.deepEqual(await store.load(1), fewer);
  });

  it("refuses an owner whose epoch is over", async () => {
    await store.save(
      { shard: 2, epoch: 5 },
      { sequence: 9, records: records(1), ledgers: new Map() },
    );
    const late = store.save(
      { shard: 2, epoch: 4 },
      { sequence: 99, records: records(2), ledgers: new Map() },
    );
    await assert.rejects(late, { code: "stale" });
    assert.equal((await store.load(2)).sequence, 9);
  });

  it("keeps the last whole snapshot when a writer dies between its parts", async () => {
    const whole = { sequence: 7, records: records(1), ledgers: new Map() };
    await store.save({ shard: 3, epoch: 1 }, whole);
    await store.save(
      { shard: 3, epoch: 1 },
      { sequence: 8, records: records(1), ledgers: new Map() },
    );
    // The next write goes to the other set; its first part is there, its head is not.
    await storage.snapshots.put("shard.3.a.0", "half of the next one");
    assert.equal((await store.load(3)).sequence, 8);
  });

  it("has the shard replay everything when a part is damaged or of another write", async () => {
    await store.save(
      { shard: 4, epoch: 1 },
      { sequence: 7, records: records(1), ledgers: new Map() },
    );
    await storage.snapshots.put("shard.4.a.0", new Uint8Array());
    assert.deepEqual(await store.load(4), { sequence: 0, records: new Map(), ledgers: new Map() });
  });
});
