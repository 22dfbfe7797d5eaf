import assert from "node:assert/strict";
import { policies, seededRandom } from "@tidepool/policy";
import { decodeMemory } from "../nats/memory-codec.ts";
import type { Remembered } from "../nats/memory-codec.ts";
import { testWorld } from "../testing/test-world.ts";
import { Shard } from "./shard.ts";
import { waitingCallsMax } from "./waiting-calls.ts";

const minuteMs = 60_000;
const startMs = 1_763_000_000_000;

interface Run {
  readonly remembered: Remembered | undefined;
  readonly explanations: readonly object[];
  /** Calls learned from by the time each had been taken. */
  readonly learned: readonly number[];
}

/** @param isRead each call is explained, and the function looked at, as soon as it has come */
async function run(callsAtMs: readonly number[], isRead: boolean): Promise<Run> {
  const explanations: (() => object)[] = [];
  const learned: number[] = [];
  let count = 0;
  let remembered: Remembered | undefined;
  const world = testWorld(startMs, {
    policy: {
      ...policies.learned,
      noteArrival: (...call) => {
        count += 1;
        return policies.learned.noteArrival(...call);
      },
    },
    explanations: {
      add: (_, make) => {
        const made = isRead ? make() : undefined;
        explanations.push(() => made ?? make());
      },
    },
    snapshots: {
      load: () => Promise.resolve(undefined),
      save: (_lease, _sequence, functions) => {
        for (const { memory } of functions) remembered = decodeMemory(Uint8Array.from(memory));
        return Promise.resolve();
      },
    },
  });
  const shard = new Shard(world.parts, 0);
  await shard.start();
  for (const [index, atMs] of callsAtMs.entries()) {
    world.nowMs = atMs;
    while (shard.turn());
    const call = { functionName: "f", version: "1", qualifier: "", requestId: `r-${index}`, atMs };
    world.receive({ sequence: index + 1, arrivals: [call] });
    learned.push(count);
    if (isRead) shard.forecast("f");
  }
  await shard.stop(true);
  return { remembered, explanations: explanations.map((make) => make()), learned };
}

/** Several in most minutes, at any instants, with pauses: now regular, now not. */
function someCalls(seed: number): number[] {
  const random = seededRandom(seed);
  const calls: number[] = [];
  for (let minute = 0; minute < 240; minute += random() < 0.1 ? 25 : random() < 0.2 ? 3 : 1) {
    const count = 1 + Math.floor(random() * 6);
    for (let call = 0; call < count; call += 1) {
      const within = call === 0 ? 1_000 : random() * (minuteMs - 2_000) + 1_500;
      calls.push(startMs + minute * minuteMs + Math.floor(within));
    }
  }
  return calls.sort((a, b) => a - b);
}

describe("CallTaker", () => {
  it("learns of calls that waited, and explains them, as if each had been looked at as it came", async () => {
    for (const seed of [1, 2, 3]) {
      const calls = someCalls(seed);
      const waited = await run(calls, false);
      const read = await run(calls, true);
      const lag = waited.learned.filter((count, index) => count <= index).length;
      assert.ok(lag > calls.length / 10, `only ${lag} of ${calls.length} waited`);
      assert.ok(waited.remembered);
      assert.deepEqual(waited.remembered, read.remembered);
      assert.deepEqual(waited.explanations, read.explanations);
      for (const [index, explanation] of waited.explanations.entries())
        assert.equal(Reflect.get(explanation, "callsSeen"), index);
      assert.equal(waited.remembered.record.history.callsSeen, calls.length);
    }
  });

  it("has the calls of a function that is called in each minute wait for minutes", async () => {
    const random = seededRandom(4);
    const calls = Array.from({ length: 120 }, (_, minute) =>
      Math.floor(startMs + 40_000 + (minute + random() * 0.9) * minuteMs),
    );
    const waited = await run(calls, false);
    const read = await run(calls, true);
    const behind = waited.learned.map((count, index) => index + 1 - count);
    assert.ok(behind.slice(0, 30).every((count) => count <= 1));
    assert.ok(behind.slice(50).some((count) => count === 4));
    assert.deepEqual(waited.remembered, read.remembered);
    assert.deepEqual(waited.explanations, read.explanations);
  });

  it("has a bounded number of calls wait", async () => {
    const calls = Array.from({ length: 4 * waitingCallsMax }, (_, i) => startMs + i * 20);
    const { learned } = await run(calls, false);
    for (const [index, count] of learned.entries())
      assert.ok(index + 1 - count <= waitingCallsMax, `${index + 1 - count} wait`);
    assert.ok(learned.some((count, index) => index + 1 - count > waitingCallsMax / 2));
  });
});
