/** A function that asks for a network where no operator has allowed any. */
import assert from "node:assert/strict";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

describe("A function that asks for the internet", () => {
  let system: TestSystem;
  before(async () => {
    system = await aSystem({ poolBaseTarget: 1 });
  });
  after(() => system.stop());

  it("is refused with the reason where no host gives VMs a network, and runs when it does without", async () => {
    const { client } = system;
    const settings = { runtime: "nodejs20", handler: "index.handler" };
    await client.createFunction("calls-out", { ...settings, network: "internet" });
    await client.uploadCode("calls-out", echoZip);
    assert.equal((await client.getFunction("calls-out")).settings.network, "internet");
    await assert.rejects(client.invoke("calls-out", 1), {
      code: "wrongPhase",
      reason: "noNetwork",
      message: /calls-out@1 asks for the internet, which no host gives its VMs/,
    });
    await client.updateFunction("calls-out", { ...settings, network: "none" });
    assert.equal((await client.invoke("calls-out", 1)).payload, 1);
  });
});
