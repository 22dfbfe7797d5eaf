import assert from "node:assert/strict";
import { hypervisorContract } from "../hypervisor/hypervisor-contract.ts";
import { SimulatedHypervisor } from "./simulated-hypervisor.ts";

const config = { runtime: "nodejs20", memoryMib: 128 };
const fast = { bootMs: 5, cloneMs: 5 };

hypervisorContract("simulated", async () => {
  const hypervisor = new SimulatedHypervisor(fast);
  return {
    hypervisor,
    config,
    hasRealGuests: false,
    killBehindItsBack: async (vmId) => hypervisor.crash(vmId),
    dispose: async () => {},
  };
});

describe("SimulatedHypervisor", () => {
  const outcomes = async (seed: number): Promise<string> => {
    const hypervisor = new SimulatedHypervisor({ timeScale: 0, cloneFailureShare: 0.5, seed });
    const template = await hypervisor.ensureTemplate(config);
    const clones = Array.from({ length: 20 }, (_, index) =>
      hypervisor.clone(template, `vm-${index}`).then(
        () => "1",
        () => "0",
      ),
    );
    const text = (await Promise.all(clones)).join("");
    await hypervisor.close();
    return text;
  };

  it("fails the same clones again under the same seed, others under another", async () => {
    assert.equal(await outcomes(3), await outcomes(3));
    assert.notEqual(await outcomes(3), await outcomes(4));
    assert.match(await outcomes(3), /(?=.*0)(?=.*1)/);
  });
});
