import assert from "node:assert/strict";
import { defaultCacheDir } from "./guest-image.ts";

describe("defaultCacheDir", () => {
  it("is where a host-agent of the same environment looks", () => {
    const named = { TIDEPOOL_CACHE_DIR: "/var/cache/tidepool", XDG_CACHE_HOME: "/x" };
    assert.equal(defaultCacheDir(named), "/var/cache/tidepool");
    assert.equal(defaultCacheDir({ ...named, TIDEPOOL_CACHE_DIR: "" }), "/x/tidepool");
  });
});
