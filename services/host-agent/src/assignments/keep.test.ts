import assert from "node:assert/strict";
import { aVm } from "../testing/a-vm.ts";
import { takeoverMaxMs } from "./deployed.ts";
import { chooseKept, isNewer, keepAfterCall, releaseReason, unusedReason } from "./keep.ts";

const rule = { epoch: 2, sentAtMs: 100, receivedAtMs: 110, count: 1, keepUntilMs: 5_000 };

describe("isNewer", () => {
  it("goes by the epoch before the time of sending", () => {
    assert.equal(isNewer(rule, undefined), true);
    assert.equal(isNewer({ ...rule, epoch: 3, sentAtMs: 1 }, rule), true);
    assert.equal(isNewer({ ...rule, epoch: 1, sentAtMs: 999 }, rule), false);
    assert.equal(isNewer({ ...rule, sentAtMs: 99 }, rule), false);
    assert.equal(isNewer(rule, rule), true);
  });
});

describe("chooseKept", () => {
  const old = aVm({ version: "9", idleSinceMs: 9 });
  const first = aVm({ version: "10", idleSinceMs: 1 });
  const last = aVm({ version: "10", idleSinceMs: 2 });

  it("keeps the newest version's VMs, of these the one used last", () => {
    const { kept, released } = chooseKept([old, first, last], 1, "");
    assert.deepEqual(kept, [last]);
    assert.deepEqual(released, [first, old]);
  });

  it("keeps VMs of the wanted version before those of newer ones", () => {
    const { kept, released } = chooseKept([last, old, first], 1, "9");
    assert.deepEqual(kept, [old]);
    assert.deepEqual(released, [last, first]);
  });
});

describe("keepAfterCall", () => {
  const after = { rule, callStartedAtMs: 105, idleCount: 0, keepAliveMs: 600, nowMs: 200 };

  it("follows a rule that came while the call ran", () => {
    assert.equal(keepAfterCall(after), 5_000);
  });

  it("lets a VM go that is beyond the rule's count", () => {
    assert.equal(keepAfterCall({ ...after, idleCount: 1 }), 200);
  });

  it("falls back to the function's keep-alive under an older rule, or none", () => {
    assert.equal(keepAfterCall({ ...after, callStartedAtMs: 111 }), 800);
    assert.equal(keepAfterCall({ ...after, rule: undefined }), 800);
  });
});

describe("releaseReason", () => {
  const unknown = { kind: "unknown" } as const;
  const live = { kind: "live" } as const;
  const retired = { kind: "retired", atMs: 100 } as const;
  const afterMs = 100 + takeoverMaxMs;
  const keepUntilMs = 1_000_000;

  it("lets a VM stay until its time is over", () => {
    assert.equal(releaseReason(aVm({ keepUntilMs: 10 }), unknown, 9), undefined);
    assert.equal(releaseReason(aVm({ keepUntilMs: 10 }), live, 9), undefined);
    assert.equal(releaseReason(aVm({ keepUntilMs: 10, callCount: 1 }), live, 10), "used");
  });

  it("lets VMs of deleted functions go before", () => {
    assert.equal(releaseReason(aVm(), { kind: "deleted" }, 0), "deleted");
  });

  it("lets VMs of a replaced version serve while the next one loads, and go then", () => {
    const vm = aVm({ keepUntilMs, usedAtMs: 150 });
    assert.equal(releaseReason(vm, retired, afterMs - 1), undefined);
    assert.equal(releaseReason(vm, retired, afterMs), "replaced");
    assert.equal(releaseReason(aVm({ keepUntilMs: 10 }), retired, 11), "missed");
  });

  it("keeps VMs of a replaced version that were asked for by its number since", () => {
    const vm = aVm({ keepUntilMs, usedAtMs: afterMs + 1 });
    assert.equal(releaseReason(vm, retired, afterMs + 2), undefined);
    assert.equal(releaseReason(vm, retired, keepUntilMs), "missed");
  });
});

describe("unusedReason", () => {
  it("calls a VM missed only when it waited for a window and no call came", () => {
    assert.equal(unusedReason(aVm()), "missed");
    assert.equal(unusedReason(aVm({ callCount: 1 })), "used");
    assert.equal(unusedReason(aVm({ isForCall: true })), "used");
  });
});
