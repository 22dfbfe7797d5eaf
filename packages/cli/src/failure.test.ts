import assert from "node:assert/strict";
import { TidepoolError } from "@tidepool/common";
import { hintOf } from "./failure.ts";

describe("The hint of a failure", () => {
  it("is about the function's time limit only when the function ran", () => {
    const ran = new TidepoolError("timeout", "x", { details: { start: "warm" } });
    assert.match(hintOf(ran) ?? "", /deploy … --timeout/);
    const init = new TidepoolError("timeout", "x", {
      reason: "initTimeout",
      details: { start: "pool" },
    });
    assert.match(hintOf(init) ?? "", /deploy … --init-timeout/);
    const waited = new TidepoolError("timeout", "x");
    assert.match(hintOf(waited) ?? "", /invoke … --timeout/);
  });

  it("is the failure's own when it has one", () => {
    const own = new TidepoolError("timeout", "x", { details: { hint: "turn it on" } });
    assert.equal(hintOf(own), "turn it on");
  });
});
