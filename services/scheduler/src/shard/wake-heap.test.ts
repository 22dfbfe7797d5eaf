import assert from "node:assert/strict";
import { seededRandom } from "@tidepool/policy";
import { WakeHeap } from "./wake-heap.ts";
import type { Waking } from "./wake-heap.ts";

const item = (): Waking => ({ wakeAtMs: undefined, wakePlace: -1 });

function taken(heap: WakeHeap<Waking>, nowMs: number): Waking[] {
  const due: Waking[] = [];
  for (let one = heap.takeDue(nowMs); one !== undefined; one = heap.takeDue(nowMs)) due.push(one);
  return due;
}

describe("WakeHeap", () => {
  it("gives each at its last instant, in the order of the instants, and holds nothing else", () => {
    const random = seededRandom(1);
    const heap = new WakeHeap<Waking>();
    const items = Array.from({ length: 300 }, item);
    const instants = new Map<Waking, number>();
    for (let step = 0; step < 5_000; step += 1) {
      const one = items[Math.floor(random() * items.length)] ?? item();
      const atMs = random() < 0.2 ? undefined : Math.floor(random() * 1_000);
      heap.set(one, atMs);
      if (atMs === undefined) instants.delete(one);
      else instants.set(one, atMs);
      assert.equal(heap.size, instants.size);
    }
    const due = taken(heap, 1_000).map((one) => instants.get(one));
    assert.deepEqual(
      due,
      [...instants.values()].toSorted((a, b) => a - b),
    );
    assert.equal(heap.nextAtMs(), undefined);
  });

  it("keeps only the last instant of each", () => {
    const heap = new WakeHeap<Waking>();
    const [early, late] = [item(), item()];
    heap.set(early, 10);
    heap.set(early, 50);
    heap.set(late, 40);
    assert.equal(heap.nextAtMs(), 40);
    assert.deepEqual(taken(heap, 45), [late]);
    assert.deepEqual(taken(heap, 50), [early]);
  });
});
