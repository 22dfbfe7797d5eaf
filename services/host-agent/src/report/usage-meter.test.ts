import assert from "node:assert/strict";
import { UsageMeter } from "./usage-meter.ts";

type Phase = Parameters<UsageMeter["note"]>[1];

const owned = { name: "f", version: "2", memoryMib: 512 };
const aVm = (isOwned = true) =>
  ({
    vmId: "vm-1",
    config: { runtime: "nodejs20", memoryMib: 512 },
    assignment: isOwned ? { owned } : undefined,
  }) as unknown as Parameters<UsageMeter["note"]>[0];

function metered(steps: readonly (readonly [Phase, number])[], settleAtMs?: number, vm = aVm()) {
  const sums = { gbSeconds: 0, idleGbSeconds: 0 };
  const meter = new UsageMeter((of, amount) => {
    assert.deepEqual(of, { tenant: "default", functionName: "f", version: "2" });
    sums.gbSeconds += amount.gbSeconds ?? 0;
    sums.idleGbSeconds += amount.idleGbSeconds ?? 0;
  });
  for (const [phase, atMs] of steps) meter.note(vm, phase, atMs);
  if (settleAtMs !== undefined) meter.settle(settleAtMs);
  return sums;
}

describe("UsageMeter", () => {
  it("charges running to the caller, loading and waiting to the platform", () => {
    const life = [
      ["cloning", 0],
      ["loading", 1_000],
      ["idle", 2_000],
      ["busy", 5_000],
      ["idle", 7_000],
      ["stopping", 10_000],
      ["gone", 11_000],
    ] as const;
    assert.deepEqual(metered(life), { gbSeconds: 1, idleGbSeconds: 3.5 });
    assert.deepEqual(metered(life, 99_000), { gbSeconds: 1, idleGbSeconds: 3.5 });
  });

  it("charges what goes on up to each settling, once", () => {
    const running = metered([["busy", 0]], 4_000);
    assert.deepEqual(running, { gbSeconds: 2, idleGbSeconds: 0 });
  });

  it("charges nothing for VMs of the warming pool", () => {
    assert.deepEqual(metered([["warming", 0]], 9_000, aVm(false)), {
      gbSeconds: 0,
      idleGbSeconds: 0,
    });
  });
});
