/** The hypervisor that the configuration names. A driver is loaded only where it is used. */
import { join } from "node:path";
import { messageOf, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { ensureGuestImage } from "@tidepool/guest";
import type { GuestImage } from "@tidepool/guest";
import { baseConfig } from "./config.ts";
import type { HostAgentConfig } from "./config.ts";
import { addressesOf } from "./guest-network/addresses.ts";
import type { GuestNetwork } from "./guest-network/guest-network.ts";
import type { Hypervisor } from "./hypervisor/hypervisor.ts";
import type { LibvirtAddress } from "./libvirt/address.ts";
import { findRunAs, withGroupOfKvm } from "./qemu/run-as.ts";
import type { RunAs } from "./qemu/run-as.ts";

type ImageOf = (runtime: string, onProgress?: (step: string) => void) => Promise<GuestImage>;

/** @throws TidepoolError `unavailable` when the driver cannot work on this machine */
export async function openHypervisor(config: HostAgentConfig, logger: Logger): Promise<Hypervisor> {
  const { cacheDir, hostId } = config;
  if (config.hypervisor === "simulated") {
    logger.warn("VMs are simulated: no function runs for real", { seed: config.simulatedSeed });
    const { SimulatedHypervisor } = await import("./simulated/simulated-hypervisor.ts");
    return new SimulatedHypervisor({ seed: config.simulatedSeed });
  }
  const image: ImageOf = (runtime, onProgress = () => {}) =>
    ensureGuestImage({ runtime, cacheDir, onProgress }).catch((cause: unknown) => {
      const text = `no guest image in ${cacheDir}, and none could be built: ${messageOf(cause)}`;
      throw new TidepoolError("unavailable", `${text}; 'tidepool image' builds it beforehand`, {
        cause,
      });
    });
  const { libvirt: address } = config;
  // libvirt has a user of its own for QEMU.
  const runAs =
    config.hypervisor === "qemu" ? await findRunAs(config.qemuUser) : await userOf(address);
  const accelerator = await chooseAccelerator(config, image, logger, runAs);
  const stateDir = join(config.stateDir, "vms");
  const options = { accelerator, image, cacheDir, stateDir };
  if (config.hypervisor === "qemu") {
    const { QemuHypervisor } = await import("./qemu/qemu-hypervisor.ts");
    const guestNetwork = await openGuestNetwork(config, stateDir, logger);
    return new QemuHypervisor({ ...options, runAs, guestNetwork });
  }
  const { LibvirtHypervisor } = await import("./libvirt/libvirt-hypervisor.ts");
  // Another user's QEMU can reach the folder of its own daemon; ours may be closed to it.
  const isInDaemons = runAs !== undefined && address.directory !== undefined;
  const vmsDir = isInDaemons ? join(address.directory, "vms", hostId) : stateDir;
  return LibvirtHypervisor.open({ ...options, stateDir: vmsDir, address, hostId });
}

/** Undefined when QEMU runs as the user that we are. */
async function userOf(address: LibvirtAddress): Promise<RunAs | undefined> {
  const { findQemuUser } = await import("./libvirt/qemu-user.ts");
  const user = await findQemuUser(address);
  return user === undefined ? undefined : withGroupOfKvm(user);
}

/** Its failure is the host-agent's: an operator who allows a network is to know that there is none. */
async function openGuestNetwork(
  { guestNetwork, nats }: HostAgentConfig,
  stateDir: string,
  logger: Logger,
): Promise<GuestNetwork | undefined> {
  if (guestNetwork === undefined) return undefined;
  const { GuestNetwork } = await import("./guest-network/guest-network.ts");
  const denied = [...guestNetwork.denied, ...(await addressesOf(nats.servers))];
  const network = await GuestNetwork.open({ stateDir, reach: { ...guestNetwork, denied } });
  logger.info("guests may have a network", { ...guestNetwork, denied });
  return network;
}

async function chooseAccelerator(
  { accelerator, cacheDir }: HostAgentConfig,
  image: ImageOf,
  logger: Logger,
  runAs: RunAs | undefined,
): Promise<"kvm" | "tcg"> {
  if (accelerator === "tcg") return "tcg";
  const probe = await import("./qemu/accelerator.ts");
  const step = (text: string): void => logger.info("guest image", { step: text });
  const base = await image(baseConfig.runtime, step);
  const choice = await probe.chooseAccelerator(base, { cacheDir, runAs });
  if (accelerator === "kvm" && choice.accelerator !== "kvm") {
    throw new TidepoolError("unavailable", `KVM is asked for, but ${choice.reason}`);
  }
  logger.info("accelerator", { ...choice });
  return choice.accelerator;
}
