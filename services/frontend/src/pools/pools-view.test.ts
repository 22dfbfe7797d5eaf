import assert from "node:assert/strict";
import { toTimestamp } from "@tidepool/proto";
import { hostSilenceMaxMs } from "../limits.ts";
import { PoolsView } from "./pools-view.ts";

const nowMs = 1_000_000;
const aPool = { runtime: "nodejs20", memoryMib: 128, target: 4, ready: 3, cloning: 1 };

function aHeartbeat(hostId: string, atMs = nowMs, pool: object = aPool) {
  return { hostId, at: toTimestamp(atMs), vmCount: 4, pools: [{ ...pool }] };
}

describe("PoolsView", () => {
  it("sums the pools of all hosts", () => {
    const view = new PoolsView();
    view.heartbeat(aHeartbeat("h-1"), nowMs);
    view.heartbeat(aHeartbeat("h-2", nowMs, { ...aPool, idle: 2, busy: 1, loading: 1 }), nowMs);
    const { pools = [], hosts = [] } = view.snapshot(nowMs);
    assert.equal(pools.length, 1);
    const { target, ready, cloning, idle, busy, loading, total } = pools[0] ?? {};
    assert.deepEqual(
      { target, ready, cloning, idle, busy, loading, total },
      { target: 8, ready: 6, cloning: 2, idle: 2, busy: 1, loading: 1, total: 12 },
    );
    assert.deepEqual(
      hosts.map(({ hostId }) => hostId),
      ["h-1", "h-2"],
    );
  });

  it("keeps VMs of one and of two CPUs in pools of their own", () => {
    const view = new PoolsView();
    view.heartbeat(aHeartbeat("h-1"), nowMs);
    view.heartbeat(aHeartbeat("h-2", nowMs, { ...aPool, vcpuCount: 2 }), nowMs);
    const { pools = [] } = view.snapshot(nowMs);
    assert.deepEqual(
      pools.map(({ vcpuCount, ready }) => ({ vcpuCount, ready })),
      [
        { vcpuCount: 1, ready: 3 },
        { vcpuCount: 2, ready: 3 },
      ],
    );
  });

  it("takes the scheduler's target, base and reason over what hosts say", () => {
    const view = new PoolsView();
    view.heartbeat(aHeartbeat("h-1"), nowMs);
    const config = { runtime: "nodejs20", memoryMib: 128, baseTarget: 8, target: 2 };
    view.warmingTargets({
      at: toTimestamp(nowMs),
      configs: [{ ...config, uncoveredShare: 0.25, periodicFunctions: 3 }],
    });
    const pool = view.snapshot(nowMs).pools?.[0];
    assert.equal(pool?.target, 2);
    assert.equal(pool?.baseTarget, 8);
    assert.equal(pool?.uncoveredShare, 0.25);
    assert.equal(pool?.periodicFunctions, 3);
    assert.equal(pool?.ready, 3);
  });

  it("keeps the newer of two targets that come in the wrong order", () => {
    const view = new PoolsView();
    const configs = (target: number) => [{ runtime: "nodejs20", memoryMib: 128, target }];
    view.warmingTargets({ at: toTimestamp(nowMs), configs: configs(2) });
    view.warmingTargets({ at: toTimestamp(nowMs - 1), configs: configs(8) });
    assert.equal(view.snapshot(nowMs).pools?.[0]?.target, 2);
  });

  it("drops a host that is silent for hostSilenceMaxMs", () => {
    const view = new PoolsView();
    view.heartbeat(aHeartbeat("h-1"), nowMs);
    assert.equal(view.snapshot(nowMs + hostSilenceMaxMs).hosts?.length, 1);
    assert.equal(view.snapshot(nowMs + hostSilenceMaxMs + 1).hosts?.length, 0);
  });
});
