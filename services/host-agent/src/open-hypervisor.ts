/** The hypervisor that the configuration names. A driver is loaded only where it is used. */
import { join } from "node:path";
import type { Logger } from "@tidepool/common";
import { ensureGuestImage } from "@tidepool/guest";
import type { HostAgentConfig } from "./config.ts";
import type { Hypervisor } from "./hypervisor/hypervisor.ts";

/** @throws TidepoolError `unavailable` when the driver cannot work on this machine */
export async function openHypervisor(config: HostAgentConfig, logger: Logger): Promise<Hypervisor> {
  const { cacheDir, hostId } = config;
  const stateDir = join(config.stateDir, "vms");
  if (config.hypervisor === "simulated") {
    logger.warn("VMs are simulated: no function runs for real", { seed: config.simulatedSeed });
    const { SimulatedHypervisor } = await import("./simulated/simulated-hypervisor.ts");
    return new SimulatedHypervisor({ seed: config.simulatedSeed });
  }
  const image = (runtime: string, onProgress: (step: string) => void = () => {}) =>
    ensureGuestImage({ runtime, cacheDir, onProgress });
  const accelerator = config.accelerator === "kvm" ? "kvm" : "tcg";
  if (config.hypervisor === "qemu") {
    const { QemuHypervisor } = await import("./qemu/qemu-hypervisor.ts");
    return new QemuHypervisor({ accelerator, image, cacheDir, stateDir });
  }
  const { LibvirtHypervisor } = await import("./libvirt/libvirt-hypervisor.ts");
  return LibvirtHypervisor.open({
    address: config.libvirt,
    accelerator,
    hostId,
    image,
    cacheDir,
    stateDir,
  });
}
