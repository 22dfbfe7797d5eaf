import assert from "node:assert/strict";
import { overlapMs, startOf } from "./invocation.ts";

const owned = {} as never;
const window = { startAtMs: 0, endAtMs: 1, expectedAtMs: 0, count: 1, degree: 1 };
const prewarm = { owned, requestId: undefined, window, keepUntilMs: 0 };
const forCall = { owned, requestId: "r-1", window: undefined, keepUntilMs: 0 };
const fresh = { callCount: 0, idleSinceMs: 5, isCold: false, assignment: prewarm };

describe("startOf", () => {
  it("is predicted on the first call of a VM that was ready for its window", () => {
    assert.equal(startOf(fresh, "r-1"), "predicted");
  });

  it("is warm on every later call", () => {
    assert.equal(startOf({ ...fresh, callCount: 1 }, "r-1"), "warm");
  });

  it("is not predicted when the window's VM was not ready yet", () => {
    const loading = { ...fresh, idleSinceMs: undefined };
    assert.equal(startOf(loading, "r-1"), "pool");
    assert.equal(startOf({ ...loading, isCold: true }, "r-1"), "cold");
  });

  it("tells the pool from a clone when the VM was assigned for this call", () => {
    const mine = { ...fresh, assignment: forCall };
    assert.equal(startOf(mine, "r-1"), "pool");
    assert.equal(startOf({ ...mine, isCold: true }, "r-1"), "cold");
    assert.equal(startOf({ ...mine, isCold: true, idleSinceMs: undefined }, "r-1"), "cold");
  });

  it("is warm in a VM made ready for a call that never came", () => {
    assert.equal(startOf({ ...fresh, assignment: forCall }, "r-2"), "warm");
  });
});

describe("overlapMs", () => {
  it("counts only what lies after the instant", () => {
    const interval = { fromMs: 10, toMs: 30 };
    assert.deepEqual(
      [0, 10, 20, 30, 40].map((fromMs) => overlapMs(interval, fromMs)),
      [20, 20, 10, 0, 0],
    );
    assert.equal(overlapMs(undefined, 0), 0);
  });
});
