import assert from "node:assert/strict";
import { TidepoolError } from "@tidepool/common";
import { exitCodes } from "./exit-codes.ts";
import { exitCodeOf, hintOf } from "./failure.ts";

describe("The hint of a failure", () => {
  it("is about the function's time limit only when the function ran", () => {
    const ran = new TidepoolError("timeout", "x", { details: { start: "warm" } });
    assert.match(hintOf(ran) ?? "", /config NAME --timeout/);
    const init = new TidepoolError("timeout", "x", {
      reason: "initTimeout",
      details: { start: "pool" },
    });
    assert.match(hintOf(init) ?? "", /config NAME --init-timeout/);
    const waited = new TidepoolError("timeout", "x");
    assert.match(hintOf(waited) ?? "", /invoke NAME --timeout/);
  });

  it("names the function that the command was about", () => {
    const threw = new TidepoolError("functionError", "x");
    assert.match(hintOf(threw, "greet") ?? "", /logs greet$/);
    const stopped = new TidepoolError("throttled", "x", { reason: "functionStopped" });
    assert.match(hintOf(stopped, "greet") ?? "", /config greet --reserved none$/);
  });

  it("is about memory when Python ran out of it", () => {
    const thrown = { name: "MemoryError", message: "", stack: "" };
    const threw = new TidepoolError("functionError", "x", { thrown });
    assert.match(hintOf(threw, "greet") ?? "", /config greet --memory/);
  });

  it("is the failure's own when it has one", () => {
    const own = new TidepoolError("timeout", "x", { details: { hint: "turn it on" } });
    assert.equal(hintOf(own), "turn it on");
  });
});

describe("The exit code of a failure", () => {
  it("is that of an interruption only for one of our own", () => {
    const ours = new TidepoolError("cancelled", "x", { details: { isInterrupt: true } });
    assert.equal(exitCodeOf(ours), exitCodes.interrupted);
    assert.equal(exitCodeOf(new TidepoolError("cancelled", "x")), exitCodes.failure);
  });
});
