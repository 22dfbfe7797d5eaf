import assert from "node:assert/strict";
import { addressesOf } from "./addresses.ts";

describe("addressesOf", () => {
  it("gives the address of each server, once, whatever stands around it", async () => {
    const servers = "nats://203.0.113.9:4222, tls://user:word@203.0.113.10:4222,203.0.113.9";
    assert.deepEqual(await addressesOf(servers), ["203.0.113.9", "203.0.113.10"]);
  });

  it("looks names up", async () => {
    assert.ok((await addressesOf("nats://localhost:4222")).includes("127.0.0.1"));
  });

  it("refuses to go on without one", async () => {
    await assert.rejects(addressesOf("nats://no..name:4222"), {
      code: "unavailable",
      message: /the address of NATS, which guests must not reach, is not known/,
    });
  });
});
