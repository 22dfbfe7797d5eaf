import assert from "node:assert/strict";
import { uploadsAtOnceMax, uploadsOfTenantMax } from "../limits.ts";
import { Uploads } from "./uploads.ts";

describe("Uploads", () => {
  it("of one tenant leave room for others', and each that ends leaves room", () => {
    const uploads = new Uploads();
    const leaves = Array.from({ length: uploadsOfTenantMax }, () => uploads.enter("red"));
    assert.throws(() => uploads.enter("red"), { code: "throttled", reason: "uploads" });
    for (let count = uploadsOfTenantMax; count < uploadsAtOnceMax; count += 1) {
      uploads.enter(`tenant-${count}`);
    }
    assert.throws(() => uploads.enter("blue"), { code: "noCapacity", reason: "uploads" });
    leaves[0]?.();
    uploads.enter("blue");
  });
});
