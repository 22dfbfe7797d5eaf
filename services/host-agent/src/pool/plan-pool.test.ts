import assert from "node:assert/strict";
import { anUnowned } from "../testing/a-vm.ts";
import { backOff, backoffMaxMs, backoffNone } from "./backoff.ts";
import { planPool } from "./plan-pool.ts";

const vms = (count: number, phase: "warming" | "cloning" = "warming") =>
  Array.from({ length: count }, (_, index) => anUnowned({ phase, createdAtMs: index }));

describe("planPool", () => {
  it("begins no more clones at once than it may", () => {
    const { cloneCount } = planPool({ target: 8, unowned: vms(1), cloneCountMax: 2 });
    assert.equal(cloneCount, 2);
  });

  it("counts clones under way towards the target", () => {
    const unowned = [...vms(2), ...vms(2, "cloning")];
    assert.equal(planPool({ target: 4, unowned, cloneCountMax: 2 }).cloneCount, 0);
    assert.equal(planPool({ target: 5, unowned, cloneCountMax: 2 }).cloneCount, 1);
  });

  it("begins nothing while it backs off", () => {
    assert.equal(planPool({ target: 8, unowned: [], cloneCountMax: 0 }).cloneCount, 0);
    assert.equal(planPool({ target: 8, unowned: [], cloneCountMax: -1 }).cloneCount, 0);
  });

  it("lets the oldest waiting VMs go over its target, and clones under way finish", () => {
    const waiting = vms(3);
    const unowned = [...waiting, ...vms(1, "cloning")];
    const { surplus, cloneCount } = planPool({ target: 2, unowned, cloneCountMax: 2 });
    assert.deepEqual(surplus, waiting.slice(0, 2));
    assert.equal(cloneCount, 0);
  });
});

describe("backOff", () => {
  it("waits twice as long after each failure in a row, up to its limit", () => {
    const waits: number[] = [];
    let backoff = backoffNone;
    for (let count = 0; count < 10; count++) {
      backoff = backOff(backoff, 1_000);
      waits.push(backoff.untilMs - 1_000);
    }
    assert.deepEqual(waits.slice(0, 4), [250, 500, 1_000, 2_000]);
    assert.equal(waits.at(-1), backoffMaxMs);
  });
});
