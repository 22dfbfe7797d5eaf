/** A shard that comes back from its snapshot knows what the one before knew, whenever each function was written. */
import assert from "node:assert/strict";
import { policies, seededRandom } from "@tidepool/policy";
import type { ArrivalBatch, Lease, StoredFunction } from "../ports.ts";
import { testWorld } from "../testing/test-world.ts";
import { snapshotEveryMs } from "./world.ts";
import { Shard } from "./shard.ts";

const startMs = 1_763_000_000_000;
const names = Array.from({ length: 12 }, (_, i) => `f-${i}`);
const random = seededRandom(9);
const batches: ArrivalBatch[] = Array.from({ length: 200 }, (_, i) => {
  const functionName = names[Math.floor(random() * names.length)] ?? "";
  const call = { functionName, version: "1", qualifier: "", requestId: "" };
  const atMs = startMs + i * 17_000;
  return {
    sequence: i + 1,
    arrivals: [
      { ...call, atMs },
      { ...call, atMs: atMs + 900 },
    ],
  };
});

interface Snapshot {
  readonly sequence: number;
  readonly functions: StoredFunction[];
}

/** A shard that only learns, and the snapshot that it writes, one function at a time as `writeOne` is called. */
class LearningShard {
  readonly shard: Shard;
  written: Snapshot | undefined;
  private left: Iterator<StoredFunction> | undefined;
  private readonly world;

  constructor(snapshot?: Snapshot) {
    this.world = testWorld(startMs, {
      policy: policies.fixed,
      snapshots: {
        load: (_, take) => {
          take(snapshot?.functions ?? []);
          return Promise.resolve(snapshot?.sequence);
        },
        save: (_: Lease, sequence, functions) => {
          this.written = { sequence, functions: [] };
          this.left = functions[Symbol.iterator]();
          return Promise.resolve();
        },
      },
    });
    this.shard = new Shard(this.world.parts, 0);
  }

  receive(batch: ArrivalBatch): void {
    this.world.nowMs = batch.arrivals[0]?.atMs ?? 0;
    this.world.receive(batch);
  }

  beginToSave(): void {
    this.world.nowMs += snapshotEveryMs;
    this.shard.saveWhenDue();
  }

  writeOne(): boolean {
    const next = this.left?.next();
    if (next === undefined || next.done === true) return false;
    const { memory, ...one } = next.value;
    this.written?.functions.push({ ...one, memory: Uint8Array.from(memory) });
    return true;
  }

  async stopped(): Promise<ReadonlyMap<string, Pick<StoredFunction, "memory" | "sequence">>> {
    await this.shard.stop(true);
    while (this.writeOne());
    return new Map(
      this.written?.functions.map(({ name, memory, sequence }) => [name, { memory, sequence }]),
    );
  }
}

describe("A shard from its snapshot", () => {
  it("knows each call once, though calls went on while it was written", async () => {
    const first = new LearningShard();
    await first.shard.start();
    for (const batch of batches.slice(0, 100)) first.receive(batch);
    first.beginToSave();
    const snapshot = first.written;
    assert.equal(snapshot?.sequence, 100);
    for (const batch of batches.slice(100)) {
      first.receive(batch);
      if (batch.sequence % 6 === 0) first.writeOne();
    }
    assert.equal(snapshot.functions.length, names.length);

    const next = new LearningShard(snapshot);
    await next.shard.start();
    for (const batch of batches.slice(snapshot.sequence)) next.receive(batch);
    const [lived, restored] = [await first.stopped(), await next.stopped()];
    assert.equal(lived.size, names.length);
    assert.deepEqual(restored, lived);
  });

  it("begins anew, from the stream, when the snapshot could not be read to its end", async () => {
    const first = new LearningShard();
    await first.shard.start();
    for (const batch of batches) first.receive(batch);
    const lived = await first.stopped();
    const half = { sequence: undefined, functions: first.written?.functions.slice(0, 5) ?? [] };
    const world = testWorld(startMs, {
      policy: policies.fixed,
      snapshots: {
        load: (_, take) => {
          take(half.functions);
          return Promise.resolve(half.sequence);
        },
        save: () => Promise.resolve(),
      },
    });
    const shard = new Shard(world.parts, 0);
    await shard.start();
    assert.equal(shard.forecast("f-0").callsSeen, 0);
    assert.ok(lived.size > 0);
    await shard.stop(false);
  });
});
