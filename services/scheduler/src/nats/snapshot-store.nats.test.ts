import assert from "node:assert/strict";
import { ensureStorage } from "@tidepool/actors";
import type { Bus, Storage } from "@tidepool/actors";
import { aNats } from "@tidepool/actors/testing";
import type { TestNats } from "@tidepool/actors/testing";
import { silentLogger } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import type { StoredFunction } from "../ports.ts";
import { functionsPerPart, NatsSnapshotStore } from "./snapshot-store.ts";

describe("NatsSnapshotStore", () => {
  let nats: TestNats;
  let bus: Bus;
  let storage: Storage;
  let store: NatsSnapshotStore;

  before(async () => {
    nats = await aNats();
    bus = nats.bus;
    storage = await ensureStorage(bus);
    store = new NatsSnapshotStore(storage, silentLogger);
  });
  after(async () => {
    await nats.stop();
  });

  const functions = (count: number, sequence: number): StoredFunction[] =>
    Array.from({ length: count }, (_, i) => ({
      name: `f-${i}`,
      memory: Uint8Array.from({ length: 400 }, (__, at) => (at * i) % 251),
      sequence: sequence + (i % 3),
      wakeAtMs: i % 2 === 0 ? 1_763_000_000_000.5 + i : undefined,
      version: "1",
      demand:
        i % 2 === 0
          ? undefined
          : { demand: { neededMicro: 2e6, uncoveredMicro: 125_000 }, isPeriodic: true },
      qualifier: i % 2 === 0 ? "" : "live",
    }));
  const save = (shard: number, epoch: number, sequence: number, count = 1): Promise<void> =>
    store.save({ shard, epoch }, sequence, functions(count, sequence));
  const load = async (
    shard: number,
  ): Promise<{ sequence: number | undefined; functions: StoredFunction[] }> => {
    const taken: StoredFunction[] = [];
    const sequence = await store.load(shard, (some) => {
      for (const one of some) taken.push({ ...one, memory: Uint8Array.from(one.memory) });
    });
    return { sequence, functions: taken };
  };

  it("has nothing of a shard that never saved", async () => {
    assert.deepEqual(await load(0), { sequence: undefined, functions: [] });
  });

  it("gives back exactly what was saved, in as many parts as it takes", async () => {
    const count = 2 * functionsPerPart + 1;
    await save(1, 1, 41, count);
    assert.deepEqual(await load(1), { sequence: 41, functions: functions(count, 41) });
    await save(1, 2, 42);
    assert.deepEqual(await load(1), { sequence: 42, functions: functions(1, 42) });
  });

  it("takes the functions a part at a time, as they are by then", async () => {
    let made = 0;
    const slowly = function* (): Generator<StoredFunction> {
      for (const one of functions(2 * functionsPerPart, 5)) {
        made += 1;
        yield one;
      }
    };
    const saving = store.save({ shard: 5, epoch: 1 }, 5, slowly());
    while (made === 0) await new Promise((resume) => setImmediate(resume));
    assert.equal(made, functionsPerPart);
    await saving;
    assert.equal(made, 2 * functionsPerPart);
  });

  it("refuses an owner whose epoch is over", async () => {
    await save(2, 5, 9);
    await assert.rejects(save(2, 4, 99, 2), { code: "stale" });
    assert.equal((await load(2)).sequence, 9);
  });

  it("keeps the last whole snapshot when a writer dies between its parts", async () => {
    await save(3, 1, 7);
    await save(3, 1, 8);
    // The next write goes to the other set; its first part is there, its head is not.
    await storage.snapshots.put("shard.3.a.0", "half of the next one");
    assert.equal((await load(3)).sequence, 8);
  });

  it("has the shard replay everything when a part is damaged or of another write", async () => {
    await save(4, 1, 7);
    await storage.snapshots.put("shard.4.a.0", new Uint8Array());
    assert.deepEqual(await load(4), { sequence: undefined, functions: [] });
  });

  it("has the shard replay everything when the snapshot is of another format", async () => {
    const head = { format: 2, shard: 6, epoch: 1, sequence: 7, set: "a", partCount: 0 };
    const { ShardSnapshot } = tidepool.internal.v1;
    await storage.snapshots.put("shard.6", ShardSnapshot.encode(head).finish());
    assert.deepEqual(await load(6), { sequence: undefined, functions: [] });
  });

  it("has the shard replay everything when its head is damaged, and saves over it", async () => {
    await storage.snapshots.put("shard.7", Uint8Array.of(10, 200, 1, 2));
    assert.deepEqual(await load(7), { sequence: undefined, functions: [] });
    await save(7, 1, 9);
    assert.equal((await load(7)).sequence, 9);
  });
});
