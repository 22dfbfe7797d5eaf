import assert from "node:assert/strict";
import { tidepool } from "@tidepool/proto";
import { SimulatedHypervisor } from "./simulated/simulated-hypervisor.ts";
import type { SimulatedHypervisorOptions } from "./simulated/simulated-hypervisor.ts";
import { HostHarness } from "./testing/host-harness.ts";
import type { HarnessOptions } from "./testing/host-harness.ts";

const { Start } = tidepool.v1;

describe("HostAgent over a real nats-server and gRPC, simulated VMs", function () {
  this.timeout(20_000);
  let host: HostHarness;

  const start = async (
    options: Partial<HarnessOptions> = {},
    simulated: SimulatedHypervisorOptions = {},
  ): Promise<void> => {
    host = await HostHarness.start({
      makeHypervisor: () => new SimulatedHypervisor({ bootMs: 10, cloneMs: 10, ...simulated }),
      ...options,
    });
  };
  afterEach(async () => host.stop());

  it("clones, loads and answers a call that was acquired", async () => {
    await start();
    const answer = await host.acquireAndInvoke("echo", { n: 1 });
    assert.deepEqual(answer.value, { n: 1 });
    assert.equal(answer.message.result?.start, Start.START_COLD);
    const again = await host.frontend.invoke("echo", 2);
    assert.equal(again.value, 2);
    assert.equal(again.message.result?.start, Start.START_WARM);
  });
});
