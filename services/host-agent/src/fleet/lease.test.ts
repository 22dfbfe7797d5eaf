import assert from "node:assert/strict";
import { Lease, leaseMs } from "./lease.ts";

describe("Lease", () => {
  it("is over a while after the connection was lost, and new as soon as it is back", () => {
    const lease = new Lease();
    assert.equal(lease.isOver(true, 0), false);
    assert.equal(lease.isOver(false, 1_000), false);
    assert.equal(lease.isOver(false, 999 + leaseMs), false);
    assert.equal(lease.isOver(false, 1_000 + leaseMs), true);
    assert.equal(lease.isOver(true, 9_000), false);
    assert.equal(lease.isOver(false, 9_001), false);
  });
});
