import assert from "node:assert/strict";
import { fixedKeepAlive, type ReplayedCall } from "./fixed-keep-alive.ts";

const call = (atMs: number, durationMs = 100, functionName = "a"): ReplayedCall => ({
  functionName,
  atMs,
  durationMs,
});

describe("fixedKeepAlive", () => {
  it("starts cold once and stays warm while calls come in time", () => {
    const calls = [call(0), call(5_000), call(14_000)];
    assert.deepEqual(fixedKeepAlive(calls, 10_000), {
      coldCount: 1,
      idleVmSeconds: (4_900 + 8_900 + 10_000) / 1000,
    });
  });
  it("starts cold after the keep-alive, which was idle in full", () => {
    const result = fixedKeepAlive([call(0), call(10_101)], 10_000);
    assert.deepEqual(result, { coldCount: 2, idleVmSeconds: 20 });
  });
  it("needs a VM for each call at once", () => {
    assert.equal(fixedKeepAlive([call(0), call(50), call(200)], 10_000).coldCount, 2);
  });
  it("lets the VM used last serve, so that others can go", () => {
    const calls = [call(0), call(0), call(6_000), call(11_000)];
    const { coldCount, idleVmSeconds } = fixedKeepAlive(calls, 10_000);
    assert.equal(coldCount, 2);
    assert.equal(idleVmSeconds, (10_000 + 5_900 + 4_900 + 10_000) / 1000);
  });
  it("shares no VM between functions and takes calls in any order", () => {
    const calls = [call(1_000, 100, "b"), call(500), call(0, 100, "b"), call(0)];
    assert.equal(fixedKeepAlive(calls, 10_000).coldCount, 2);
  });
  it("counts idle time until the end of the replay where one is given", () => {
    assert.equal(fixedKeepAlive([call(0)], 10_000, 4_100).idleVmSeconds, 4);
    assert.equal(fixedKeepAlive([call(0)], 10_000, 40_000).idleVmSeconds, 10);
  });
  it("is nothing without calls", () => {
    assert.deepEqual(fixedKeepAlive([], 10_000), { coldCount: 0, idleVmSeconds: 0 });
  });
});
