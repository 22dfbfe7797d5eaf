import assert from "node:assert/strict";
import { summarize } from "./summary.ts";
import type { CallResult } from "./summary.ts";

const aCall = (ordinal: number, some: Partial<CallResult> = {}): CallResult => ({
  functionName: "job",
  ordinal,
  atMs: ordinal * 900_000,
  durationMs: 5,
  latencyMs: ordinal,
  start: "predicted",
  readyBeforeMs: 500,
  ...some,
});

const summaryOf = (calls: CallResult[], periodic: string[] = ["job"]) =>
  summarize({
    speed: 60,
    calls,
    periodicFunctions: new Set(periodic),
    idleVmSeconds: 100,
    genericVmSeconds: 400,
    endAtMs: 10 * 900_000,
    wasInterrupted: false,
  });

describe("The summary of a replay", () => {
  it("scores a periodic function from its sixth call on", () => {
    const calls = [1, 2, 3, 4, 5].map((n) => aCall(n, { start: "pool", readyBeforeMs: 0 }));
    calls.push(
      aCall(6),
      aCall(7, { start: "warm" }),
      aCall(8, { start: "pool", readyBeforeMs: 0 }),
    );
    const { periodic, coldStarts } = summaryOf(calls);
    assert.deepEqual(periodic, {
      functions: 1,
      calls: 3,
      predictedOrWarm: 2,
      share: 2 / 3,
      readyBefore: 2,
    });
    assert.equal(coldStarts, 6);
  });

  it("has no share when no periodic function got that far", () => {
    assert.equal(summaryOf([aCall(6)], []).periodic.share, undefined);
  });

  it("counts failures by code, and not as starts", () => {
    const { start: _, ...failed } = aCall(1, { failure: { code: "unavailable", message: "" } });
    const summary = summaryOf([failed, aCall(2)]);
    assert.equal(summary.failures, 1);
    assert.deepEqual(summary.failuresByCode, { unavailable: 1 });
    assert.deepEqual(summary.starts, { predicted: 1, warm: 0, pool: 0, cold: 0 });
  });

  it("compares with a fixed keep-alive on the same calls up to the same instant", () => {
    // Every 15 minutes: ten minutes of keep-alive never help, and idle in vain after each call.
    const { fixedKeepAlive } = summaryOf([1, 2, 3].map((n) => aCall(n, { durationMs: 0 })));
    assert.deepEqual(fixedKeepAlive, { coldStarts: 3, idleVmSeconds: 1800 });
  });
});
