/** A host whose VMs are simulated and quick, for tests. */
import { SimulatedHypervisor } from "../simulated/simulated-hypervisor.ts";
import type { SimulatedHypervisorOptions } from "../simulated/simulated-hypervisor.ts";
import { HostHarness } from "./host-harness.ts";
import type { HarnessOptions } from "./host-harness.ts";

export function startSimulatedHost(
  options: Partial<HarnessOptions> = {},
  simulated: SimulatedHypervisorOptions = {},
): Promise<HostHarness> {
  return HostHarness.start({
    makeHypervisor: () => new SimulatedHypervisor({ bootMs: 10, cloneMs: 10, ...simulated }),
    ...options,
  });
}
