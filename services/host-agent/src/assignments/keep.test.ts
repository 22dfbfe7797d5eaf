import assert from "node:assert/strict";
import { aVm } from "../testing/a-vm.ts";
import { chooseKept, isNewer, keepAfterCall, none, releaseReason, unusedReason } from "./keep.ts";

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
  it("keeps the newest version's VMs, of these the one used last", () => {
    const old = aVm({ version: "9", idleSinceMs: 9 });
    const [first, last] = [1, 2].map((idleSinceMs) => aVm({ version: "10", idleSinceMs }));
    assert.ok(first && last);
    const { kept, released } = chooseKept([old, first, last], 1);
    assert.deepEqual(kept, [last]);
    assert.deepEqual(released, [first, old]);
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
  it("lets a VM stay until its time is over", () => {
    assert.equal(releaseReason(aVm({ keepUntilMs: 10 }), undefined, 9), undefined);
    assert.equal(releaseReason(aVm({ keepUntilMs: 10 }), "1", 9), undefined);
    assert.equal(releaseReason(aVm({ keepUntilMs: 10, callCount: 1 }), "1", 10), "used");
  });

  it("lets VMs of deleted functions and older versions go before", () => {
    assert.equal(releaseReason(aVm({ version: "9" }), "10", 0), "replaced");
    assert.equal(releaseReason(aVm({ version: "11" }), "10", 0), undefined);
    assert.equal(releaseReason(aVm(), none, 0), "deleted");
  });
});

describe("unusedReason", () => {
  it("calls a VM missed only when it waited for a window and no call came", () => {
    assert.equal(unusedReason(aVm()), "missed");
    assert.equal(unusedReason(aVm({ callCount: 1 })), "used");
    assert.equal(unusedReason(aVm({ isForCall: true })), "used");
  });
});
