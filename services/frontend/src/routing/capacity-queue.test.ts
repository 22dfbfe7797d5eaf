import assert from "node:assert/strict";
import { capacityWaitersMax } from "../limits.ts";
import { CapacityQueue } from "./capacity-queue.ts";

const hourMs = 3_600_000;
const never = new AbortController().signal;
/** So seldom that only a VM that becomes idle wakes it. */
const aWait = { functionName: "f", version: "1", looks: 60, maxMs: hourMs };

describe("CapacityQueue", () => {
  it("wakes the calls of one version in their order, one for each VM that becomes idle", async () => {
    const queue = new CapacityQueue();
    const woken: string[] = [];
    const ending = new AbortController();
    const wait = (name: string, version = "1"): Promise<unknown> =>
      queue.wait({ ...aWait, version }, ending.signal).then(
        () => woken.push(name),
        () => {},
      );
    const waits = [wait("a"), wait("other", "2"), wait("b"), wait("c")];
    for (const count of [1, 2]) {
      queue.wake("f", "1");
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(woken.length, count);
    }
    assert.deepEqual(woken, ["a", "b"]);
    ending.abort();
    await Promise.all(waits);
  });

  it("lets a call look again by itself, within the time that it has", async () => {
    const queue = new CapacityQueue();
    await queue.wait({ ...aWait, looks: 0 }, never);
    await queue.wait({ ...aWait, maxMs: 1 }, never);
  });

  it("takes as many calls as its limit, and refuses one more until one has gone", async () => {
    const queue = new CapacityQueue();
    const ending = new AbortController();
    const waits = Array.from({ length: capacityWaitersMax }, () =>
      queue.wait(aWait, ending.signal).catch(() => {}),
    );
    await assert.rejects(queue.wait(aWait, never), { code: "noCapacity", reason: "queueFull" });
    queue.wake("f", "1");
    await waits[0];
    waits.push(queue.wait(aWait, ending.signal).catch(() => {}));
    ending.abort();
    await Promise.all(waits);
    await queue.wait({ ...aWait, maxMs: 1 }, never);
  });
});
