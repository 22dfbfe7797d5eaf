import assert from "node:assert/strict";
import { Gate } from "./gate.ts";

describe("Gate", () => {
  it("lets no more through than its limit, all of them in the end, in order", async () => {
    const gate = new Gate(2);
    const started: number[] = [];
    let under = 0;
    let mostUnder = 0;
    const action = async (index: number): Promise<void> => {
      started.push(index);
      mostUnder = Math.max(mostUnder, ++under);
      await new Promise((resolve) => setImmediate(resolve));
      under--;
    };
    await Promise.all([0, 1, 2, 3, 4].map((index) => gate.run(() => action(index))));
    assert.equal(mostUnder, 2);
    assert.deepEqual(started, [0, 1, 2, 3, 4]);
  });

  it("gives the place of one that failed to the next", async () => {
    const gate = new Gate(1);
    await assert.rejects(gate.run(() => Promise.reject(new Error("broken"))));
    assert.equal(await gate.run(async () => "next"), "next");
  });
});
