/**
 * A Tidepool VM as libvirt's domain XML. Template and clone are the same machine but for the names, the folder
 * of their sockets and how memory is mapped: what is frozen on one continues on the other only then.
 *
 * What libvirt cannot express goes behind its back through qemu:commandline: the memory file by name, the
 * incoming state, and the devices of an old PC that the machine leaves out. Libvirt warns in its log that
 * such a domain is tainted; it works the same.
 */
import { join } from "node:path";
import type { memoryUses } from "../qemu/machine.ts";
import { ownerXml } from "./domain-owner.ts";
import type { QemuUser } from "./qemu-user.ts";

export interface DomainSpec {
  readonly name: string;
  readonly uuid: string;
  readonly accelerator: "kvm" | "tcg";
  readonly ramMib: number;
  readonly vcpuCount: number;
  readonly translationCacheMib: number;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly kernelCommandLine: string;
  readonly rootfsPath: string;
  /** Of the VM's own: see domainFiles. */
  readonly directory: string;
  /** Of the host-agent: see domain-owner.ts. */
  readonly owner: string;
  readonly ramPath: string;
  readonly memoryUse: (typeof memoryUses)[keyof typeof memoryUses];
  readonly qemuUser: QemuUser | undefined;
}

export const channelNames = ["control", "runtime"] as const;
/** What QEMU connects to us for. A console in a file would be as large as its guest makes it. */
export const portNames = [...channelNames, "console"] as const;

export interface DomainFiles {
  readonly control: string;
  readonly runtime: string;
  /** QEMU listens here for the template's saved state. */
  readonly incoming: string;
  /** What the guest's kernel prints. */
  readonly console: string;
}

export function domainFiles(directory: string): DomainFiles {
  const file = (name: keyof DomainFiles): string => join(directory, name);
  return {
    control: file("control"),
    runtime: file("runtime"),
    incoming: file("incoming"),
    console: file("console"),
  };
}

/** 2020-01-01: far from the present, see Restore in the guest protocol. */
const guestClockStartS = 1_577_836_800;

export function domainXml(spec: DomainSpec): string {
  const { accelerator, directory } = spec;
  const isKvm = accelerator === "kvm";
  const files = domainFiles(directory);
  const channel = (name: (typeof channelNames)[number]): string => `
    <channel type='unix'>
      <source mode='connect' path='${escape(files[name])}'/>
      <target type='virtio' name='tidepool.${name}'/>
    </channel>`;
  return `<domain type='${isKvm ? "kvm" : "qemu"}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>${escape(spec.name)}</name>
  <uuid>${spec.uuid}</uuid>
  ${ownerXml(spec.owner)}
  <memory unit='MiB'>${spec.ramMib}</memory>
  <vcpu>${spec.vcpuCount}</vcpu>
  <os>
    <type arch='x86_64' machine='microvm'>hvm</type>
    <kernel>${escape(spec.kernelPath)}</kernel>
    <initrd>${escape(spec.initrdPath)}</initrd>
    <cmdline>${escape(spec.kernelCommandLine)}</cmdline>
  </os>
  <features>
    <acpi/>${isKvm ? "" : `<tcg><tb-cache unit='MiB'>${spec.translationCacheMib}</tb-cache></tcg>`}
  </features>
  <cpu mode='${isKvm ? "host-passthrough" : "maximum"}'/>
  <clock offset='absolute' start='${guestClockStartS}'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='${escape(spec.rootfsPath)}'/>
      <target dev='vda' bus='virtio'/>
      <readonly/>
      <address type='virtio-mmio'/>
    </disk>
    <controller type='usb' model='none'/>
    <controller type='virtio-serial' index='0'>
      <address type='virtio-mmio'/>
    </controller>${channelNames.map(channel).join("")}
    <serial type='unix'>
      <source mode='connect' path='${escape(files.console)}'/>
    </serial>
    <memballoon model='none'/>
  </devices>${securityLabel(spec.qemuUser)}
  <qemu:commandline>${qemuArguments(spec)
    .map(
      (word) => `
    <qemu:arg value='${escape(word)}'/>`,
    )
    .join("")}
  </qemu:commandline>
</domain>`;
}

function qemuArguments(spec: DomainSpec): string[] {
  const size = `${spec.ramMib}M`;
  const { share, isIncoming } = spec.memoryUse;
  // QEMU reads a doubled comma as one that does not end the value.
  const path = spec.ramPath.replaceAll(",", ",,");
  const memory = `memory-backend-file,id=tidepool,size=${size},mem-path=${path},share=${share}`;
  return [
    "-object",
    memory,
    "-machine",
    "pit=off,pic=off,rtc=on,isa-serial=on,memory-backend=tidepool",
    ...(isIncoming ? ["-incoming", "defer"] : []),
  ];
}

/**
 * Keeps libvirt from giving QEMU's user the files that all VMs share: it would own the kernel and the root
 * image of every other VM.
 */
function securityLabel(user: QemuUser | undefined): string {
  if (user?.isAssigned !== true) return "";
  return `
  <seclabel type='static' model='dac' relabel='no'>
    <label>+${user.uid}:+${user.gid}</label>
  </seclabel>`;
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("'", "&apos;")
    .replaceAll('"', "&quot;");
}
