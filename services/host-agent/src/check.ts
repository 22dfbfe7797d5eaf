/**
 * Program for `doctor`: prints, as one JSON object, whether KVM boots the guest here, and how libvirt is.
 * Its own, so that the answer is the one the host-agent would come to.
 */
import { messageOf, TidepoolError } from "@tidepool/common";
import { findGuestImage } from "@tidepool/guest";
import { baseConfig, readConfig } from "./config.ts";
import { checkLibvirt } from "./libvirt/check-libvirt.ts";
import { chooseAccelerator } from "./qemu/accelerator.ts";
import { findRunAs } from "./qemu/run-as.ts";

const config = readConfig(process.env);

async function checkKvm(): Promise<{ isUsable: boolean; detail: string }> {
  try {
    const { cacheDir } = config;
    const image = await findGuestImage({ runtime: baseConfig.runtime, cacheDir });
    if (image === undefined) throw new TidepoolError("notFound", "the guest image is not built");
    const runAs = await findRunAs(config.qemuUser, false).catch(() => undefined);
    const { accelerator, reason } = await chooseAccelerator(image, { cacheDir, runAs });
    return { isUsable: accelerator === "kvm", detail: reason };
  } catch (error) {
    return { isUsable: false, detail: messageOf(error) };
  }
}

const kvm = await checkKvm();
const { daemon, problems } = await checkLibvirt(config.libvirt);
const detail =
  daemon === undefined
    ? ""
    : `libvirt ${daemon.libvirtVersion} with QEMU ${daemon.qemuVersion} at ${daemon.socketPath}`;
process.stdout.write(`${JSON.stringify({ kvm, libvirt: { detail, problems } })}\n`);
