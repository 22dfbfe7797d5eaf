import assert from "node:assert/strict";
import { describePools } from "./pools.ts";

describe("describePools", () => {
  it("says of no host that none has reported, and what that may mean", () => {
    assert.match(
      describePools({ atMs: 0, pools: [], hosts: [] }),
      /^no host has reported yet: .*NATS.* is away\n$/,
    );
  });
});
