/**
 * What only the host-agent can tell: whether KVM boots the guest, and how libvirt is. Its own program is
 * asked, so that the answer is the one the host-agent itself would come to.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { messageOf } from "@tidepool/common";
import { searchPath } from "../up/debian-packages.ts";
import type { Check } from "./checks.ts";

/** What services/host-agent's check prints, one JSON object. */
interface HostCheck {
  readonly kvm: { readonly isUsable: boolean; readonly detail: string };
  readonly libvirt: { readonly detail: string; readonly problems: readonly string[] };
}

const program = fileURLToPath(
  new URL("../../../../services/host-agent/dist/check.js", import.meta.url),
);
/** libvirt may probe QEMU, twice. */
const checkMaxMs = 60_000;

export async function checkHost(): Promise<Check[]> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program], {
      timeout: checkMaxMs,
      env: { ...process.env, PATH: searchPath },
    });
    const { kvm, libvirt } = JSON.parse(stdout) as HostCheck;
    return [
      {
        name: "kvm",
        state: kvm.isUsable ? "ok" : "warning",
        detail: kvm.detail.replaceAll("\n", "; "),
        ...(kvm.isUsable
          ? {}
          : {
              fix: "none needed: QEMU emulates the VMs (TCG), slower; for KVM, run where it boots a Linux guest",
            }),
      },
      libvirtCheck(libvirt),
    ];
  } catch (error) {
    return [{ name: "kvm", state: "warning", detail: `the check failed: ${messageOf(error)}` }];
  }
}

export function libvirtCheck({ detail, problems }: HostCheck["libvirt"]): Check {
  const isOk = problems.length === 0;
  return {
    name: "libvirt",
    state: isOk ? "ok" : "warning",
    detail: [detail, ...problems].filter((text) => text !== "").join("; "),
    ...(isOk
      ? {}
      : {
          fix: "none needed: `up --hypervisor libvirt` starts a libvirtd of its own; only a host-agent run by itself needs one that is started",
        }),
  };
}
