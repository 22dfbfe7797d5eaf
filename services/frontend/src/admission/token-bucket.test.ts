import assert from "node:assert/strict";
import { TokenBucket } from "./token-bucket.ts";

const limit = { callsPerSecond: 4, burst: 2 };

describe("TokenBucket", () => {
  it("lets a burst through at once, and then one call each time a token has come", () => {
    const bucket = new TokenBucket(limit, 0);
    for (const waitMs of [0, 0]) {
      assert.equal(bucket.waitMs(limit, 0), waitMs);
      bucket.take(1);
    }
    assert.equal(bucket.waitMs(limit, 0), 250);
    assert.equal(bucket.waitMs(limit, 249), 1);
    assert.equal(bucket.waitMs(limit, 250), 0);
  });

  it("says how long to wait so that the call is let through just then", () => {
    const slow = { callsPerSecond: 0.3, burst: 1 };
    const bucket = new TokenBucket(slow, 0);
    for (let atMs = 0, count = 0; count < 20; count += 1) {
      bucket.take(1);
      const waitMs = bucket.waitMs(slow, atMs);
      assert.ok(bucket.waitMs(slow, atMs + waitMs - 1) > 0);
      atMs += waitMs;
      assert.equal(bucket.waitMs(slow, atMs), 0);
    }
  });

  it("keeps no more than its burst, however long nothing comes", () => {
    const bucket = new TokenBucket(limit, 0);
    assert.equal(bucket.waitMs(limit, 1e9), 0);
    bucket.take(2);
    assert.equal(bucket.waitMs(limit, 1e9), 250);
  });

  it("follows a limit that changes", () => {
    const bucket = new TokenBucket(limit, 0);
    bucket.take(2);
    const lower = { callsPerSecond: 1, burst: 1 };
    assert.equal(bucket.waitMs(lower, 0), 1_000);
    assert.equal(bucket.waitMs(limit, 0), 250);
  });

  it("owes what others have taken beyond it, but never more than a burst", () => {
    const bucket = new TokenBucket(limit, 0);
    bucket.take(1_000);
    assert.equal(bucket.waitMs(limit, 0), 750);
  });
});
