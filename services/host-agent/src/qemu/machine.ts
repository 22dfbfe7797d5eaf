/**
 * The machine that every Tidepool VM is, as QEMU's command line. Template and clone must be the same
 * machine, byte for byte, but for how their memory is mapped; what is different is in one place each.
 *
 *   descriptors that QEMU inherits:  3 control port   4 runtime port   5 QMP   6 the template's saved state
 *                                    7 kernel   8 initrd   9 root image   10 memory
 *
 * Files are opened for it, so that it needs no way to the folders they are in.
 */
import type { GuestImage } from "@tidepool/guest";
import { networkCardArguments, resolversWord } from "../guest-network/guest-side.ts";
import type { VmConfig } from "../hypervisor/hypervisor.ts";
import { vmMemoryMib } from "../hypervisor/memory.ts";
import { vcpuCountOf } from "../hypervisor/vm-config.ts";

export const inherited = {
  control: 3,
  runtime: 4,
  qmp: 5,
  state: 6,
  kernel: 7,
  initrd: 8,
  rootfs: 9,
  ram: 10,
} as const;

const inheritedFile = (name: keyof typeof inherited): string =>
  `/proc/self/fd/${String(inherited[name])}`;

/** Bound of the cache of translated code, which is most of what a busy VM takes under TCG. */
export const translationCacheMib = 128;

export interface Machine {
  readonly accelerator: "kvm" | "tcg";
  readonly image: GuestImage;
  readonly config: VmConfig;
  /** Frequency of the host's time stamp counter, kHz: a guest under TCG that has to measure it may hang. */
  readonly tscKhz: number;
  /** Whom the guest asks for names; absent where it has no network. */
  readonly resolvers?: readonly string[];
}

/** `templateId` goes to the guest by the kernel command line, so a clone can prove what it is. */
export function machineArguments(machine: Machine, templateId: string): string[] {
  const { accelerator, config } = machine;
  return [
    ["-nodefaults", "-no-user-config", "-no-reboot"],
    ["-display", "none"],
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ["-machine", "microvm,acpi=on,pit=off,pic=off,rtc=on,isa-serial=on,memory-backend=ram"],
    ["-accel", accelerator === "kvm" ? "kvm" : `tcg,tb-size=${String(translationCacheMib)}`],
    // Five-level page tables only make every walk longer.
    ["-cpu", accelerator === "kvm" ? "host" : "max,la57=off"],
    ["-smp", String(vcpuCountOf(config))],
    ["-m", `${String(vmMemoryMib(config))}M`],
    // Far from the present, so that OpenSSL in a clone sees that its randomness is old and renews it.
    ["-rtc", "base=2020-01-01"],
    ["-kernel", inheritedFile("kernel")],
    ["-initrd", inheritedFile("initrd")],
    ["-append", kernelCommandLine(machine, templateId)],
    ["-drive", `id=root,file=${inheritedFile("rootfs")},format=raw,if=none,readonly=on`],
    ["-device", "virtio-blk-device,drive=root"],
    ["-device", "virtio-serial-device"],
    portArguments("control"),
    portArguments("runtime"),
    machine.resolvers === undefined ? [] : networkCardArguments,
    ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"],
    ["-chardev", `socket,id=qmp,fd=${String(inherited.qmp)}`, "-mon", "chardev=qmp,mode=control"],
  ].flat();
}

function portArguments(port: "control" | "runtime"): string[] {
  return [
    ["-chardev", `socket,id=${port},fd=${String(inherited[port])}`],
    ["-device", `virtserialport,chardev=${port},name=tidepool.${port}`],
  ].flat();
}

/**
 * A booting template writes its memory to the file; a clone goes on from the template's, which it maps
 * copy-on-write; a template of a function goes on from a copy, and writes to that.
 */
export const memoryUses = {
  boot: { share: "on", isIncoming: false },
  clone: { share: "off", isIncoming: true },
  goOn: { share: "on", isIncoming: true },
} as const;

export function memoryArguments(
  config: VmConfig,
  { share, isIncoming }: (typeof memoryUses)[keyof typeof memoryUses],
): string[] {
  const size = `${String(vmMemoryMib(config))}M`;
  const memory = `memory-backend-file,id=ram,size=${size},mem-path=${inheritedFile("ram")},share=${share}`;
  return ["-object", memory, ...(isIncoming ? ["-incoming", "defer"] : [])];
}

export function kernelCommandLine(machine: Machine, templateId: string): string {
  const { accelerator, config, tscKhz } = machine;
  return [
    "console=ttyS0 quiet loglevel=3",
    // A panic reboots, which ends QEMU; by the keyboard controller, the default, it sometimes boots anew.
    "panic=-1 reboot=t",
    // Nobody reads the guest's pressure counters, and every clone would have them translated.
    "psi=0",
    // One tenant a guest: what separates is the VM, and under TCG these cost on every system call.
    "mitigations=off",
    accelerator === "tcg" ? `tsc_early_khz=${String(tscKhz)} tsc=reliable` : "",
    `tidepool.template=${templateId}`,
    `tidepool.runtime=${config.runtime}`,
    `tidepool.memory_mib=${String(config.memoryMib)}`,
    machine.resolvers === undefined ? "" : resolversWord(machine.resolvers),
  ].join(" ");
}
