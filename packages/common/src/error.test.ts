import assert from "node:assert/strict";
import { codes, TidepoolError } from "./error.ts";
import { decodeFailure, encodeFailure } from "./failure-codec.ts";

describe("TidepoolError", () => {
  for (const code of Object.keys(codes) as (keyof typeof codes)[]) {
    it(`survives the wire as ${code}`, () => {
      const sent = new TidepoolError(code, "vm-9 needs 1024 MiB", {
        thrown: { name: "RangeError", message: "too deep", stack: "at handler" },
      });
      const received = decodeFailure(encodeFailure(sent, "host"));
      assert.deepEqual(received.toFailure(), { ...sent.toFailure(), component: "host" });
      assert.equal(received.retryable, codes[code].retryable);
    });
  }

  it("keeps the component of the one who failed first", () => {
    const failed = new TidepoolError("guestCrash", "runtime exited", { component: "guest" });
    assert.equal(decodeFailure(encodeFailure(failed, "host")).component, "guest");
  });

  it("takes an unknown code from a newer version as internal", () => {
    const bytes = encodeFailure(new TidepoolError("invalid", "x"), "host");
    const changed = Buffer.from(bytes);
    changed.write("zzzzzzz", changed.indexOf("invalid"));
    assert.equal(decodeFailure(changed).code, "internal");
  });

  it("wraps what is no error, and leaves its own kind alone", () => {
    assert.equal(TidepoolError.from("text").message, "text");
    assert.equal(TidepoolError.from("text", "unavailable").code, "unavailable");
    const own = new TidepoolError("stale", "epoch 3 is over");
    assert.equal(TidepoolError.from(own), own);
  });
});
