import assert from "node:assert/strict";
import { WakeHeap } from "./wake-heap.ts";

describe("WakeHeap", () => {
  it("gives names in the order of their instants, whatever the order they were set in", () => {
    const heap = new WakeHeap();
    const instants = Array.from({ length: 500 }, (_, i) => (i * 7919) % 1009);
    instants.forEach((atMs, i) => heap.set(`f-${i}`, atMs));
    const due = heap.takeDue(2_000).map((name) => instants[Number(name.slice(2))]);
    assert.deepEqual(
      due,
      instants.toSorted((a, b) => a - b),
    );
    assert.equal(heap.nextAtMs(), undefined);
  });

  it("keeps only the last instant of a name", () => {
    const heap = new WakeHeap();
    heap.set("early", 10);
    heap.set("early", 50);
    heap.set("late", 40);
    assert.equal(heap.nextAtMs(), 40);
    assert.deepEqual(heap.takeDue(45), ["late"]);
    assert.deepEqual(heap.takeDue(50), ["early"]);
  });

  it("forgets a name that is taken out", () => {
    const heap = new WakeHeap();
    heap.set("gone", 10);
    heap.set("gone", undefined);
    assert.equal(heap.nextAtMs(), undefined);
    assert.deepEqual(heap.takeDue(100), []);
  });
});
